// Enqueues COUNT jobs with nothing but std: rustc -O produce.rs && REDIS_URL=redis://127.0.0.1:6379 ./produce COUNT
use std::{env, error::Error, io::BufRead, io::BufReader, io::Write, mem, net::TcpStream};

fn command(key: &str, n: usize) -> String {
    let (ready, data, order) = (format!("{key}:ready"), format!("{{\"order\":{n}}}"), format!("order-{n}"));
    let plain = n % 10 != 0 && n % 7 != 0; // a key or a delay needs the function
    let mut words = if plain { vec!["XADD", &ready, "*"] } else { vec!["FCALL", "pond_enqueue", "1", key] };
    words.extend(["kind", "order.ship", "data", &data, "correlation_id", "import-rust"]);
    if n % 10 == 0 { words.extend(["key", &order]) }
    if n % 7 == 0 { words.extend(["delay_ms", "2000"]) }
    let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{bulks}", words.len())
}
// The first text of an answer; no answer to what is sent here has a line end in it, so it can be read by lines.
fn read(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Result<String, Box<dyn Error>> {
    let line = lines.next().ok_or("the server closed the connection")??;
    match line.split_at(1) {
        ("-", text) => Err(text.into()),
        ("$", _) => Ok(lines.next().ok_or("the server closed the connection")??),
        ("*", count) => Ok((0..count.parse()?).map(|_| read(lines)).collect::<Result<Vec<_>, _>>()?.swap_remove(0)),
        _ => Ok(line),
    }
}
fn main() -> Result<(), Box<dyn Error>> { // an error goes to stderr, with exit code 1
    let queue = env::var("MILLPOND_QUEUE").unwrap_or("orders".into());
    let total = env::args().nth(1).ok_or("usage: produce COUNT")?.parse()?;
    let mut socket = TcpStream::connect(env::var("REDIS_URL")?.trim_start_matches("redis://"))?;
    let mut lines = BufReader::new(socket.try_clone()?).lines();
    let mut batch = format!("SADD mp:queues {queue}\r\n"); // so that the queue is known before a worker serves it
    let (mut sent, mut held, mut duplicate) = (1, 0, 0);
    for n in 1..=total {
        (batch, sent) = (batch + &command(&format!("mp:{{{queue}}}"), n), sent + 1);
        if sent < 500 && n < total { continue }
        socket.write_all(mem::take(&mut batch).as_bytes())?; // one round trip for many
        for _ in 0..mem::take(&mut sent) {
            match read(&mut lines)?.as_str() { "held" => held += 1, "duplicate" => duplicate += 1, _ => () }
        }
    }
    Ok(println!("{{\"enqueued\":{},\"held\":{held},\"duplicate\":{duplicate}}}", total - held - duplicate))
}
