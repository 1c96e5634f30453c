# shellcheck shell=bash
#
# Other queues, for scripts/bench --rivals: installs them below .build/rivals, never for the whole system, and leaves
# in `rivals` what PondBench is to be called with. What cannot be had is named, with the reason.
# Sourced, never run by itself.

rival_folder="$root/.build/rivals"
rivals=()
# Or Python would leave its compiled files beside the sources.
export PYTHONDONTWRITEBYTECODE=1

# no_rival NAME LOG: says why, in the words of whoever refused it.
no_rival() {
    local why
    why="$(grep -aiE 'reason:|^error|^E: |failed to run|not found|cannot' "$2" | head -n 1 | cut -c 1-200 || true)"
    say "  $1 is not measured: ${why:-see $2}"
}

# rival NAME JOBS COMMAND…: some three seconds of jobs, so that a slow one takes no longer than a fast one.
rival() { rivals+=(--rival "$*"); }

# on_python NAME JOBS PROGRAM REQUIREMENT…
on_python() {
    local name="$1" jobs="$2" program="$3" log="$log_folder/rival-$1.log"
    shift 3
    if "$rival_folder/python/bin/pip" install "$@" >"$log" 2>&1; then
        rival "$name" "$jobs" .build/rivals/python/bin/python "Benchmarks/Rivals/$program"
    else
        no_rival "$name" "$log"
    fi
}

python_rivals() {
    local log="$log_folder/rival-python.log"
    if ! python3 -m venv "$rival_folder/python" >"$log" 2>&1; then
        no_rival "everything in Python" "$log"
        return
    fi
    on_python huey 20000 on_huey.py huey==3.5.4 redis==8.1.0
    on_python dramatiq 20000 on_dramatiq.py 'dramatiq[redis]==2.2.1'
    on_python celery 6000 on_celery.py 'celery[redis]==5.7.0'
    on_python taskiq 12000 on_taskiq.py taskiq==0.13.0 taskiq-redis==1.2.4
    on_python streaq 6000 on_streaq.py streaq==7.2.0
    on_python bullmq-python 15000 on_bullmq_python.py bullmq==3.4.4
}

node_rivals() {
    local log="$log_folder/rival-bullmq.log" folder="$rival_folder/node"
    mkdir -p "$folder"
    cp "$root/Benchmarks/Rivals/on_bullmq.mjs" "$folder/"
    # Without a network npm would go on trying for minutes.
    if timeout 120 npm install --no-audit --no-fund --fetch-retries=0 --prefix "$folder" bullmq@5 >"$log" 2>&1; then
        rival bullmq 40000 node .build/rivals/node/on_bullmq.mjs
    else
        no_rival bullmq "$log"
    fi
}

# Ruby and Sidekiq as Debian has them, unpacked but not installed.
ruby_rivals() {
    local log="$log_folder/rival-sidekiq.log" folder="$rival_folder/ruby" package
    mkdir -p "$folder/packages"
    if ! (cd "$folder/packages" && apt-get download ruby3.1 libruby3.1 rubygems-integration ruby-rubygems \
        ruby-sidekiq ruby-redis ruby-connection-pool ruby-rack) >"$log" 2>&1; then
        no_rival sidekiq "$log"
        return
    fi
    for package in "$folder"/packages/*.deb; do dpkg -x "$package" "$folder"; done
    cat >"$folder/run" <<'RUN'
#!/usr/bin/env bash
top="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/usr"
native=("$top"/lib/*-linux-gnu)
export LD_LIBRARY_PATH="${native[0]}"
RUBYLIB="$(printf '%s:' "$top"/share/rubygems-integration/all/gems/*/lib)"
export RUBYLIB="$RUBYLIB$top/lib/ruby/vendor_ruby:$top/lib/ruby/3.1.0:${native[0]}/ruby/3.1.0"
exec "$top/bin/ruby3.1" "$@"
RUN
    chmod +x "$folder/run"
    rival sidekiq 40000 .build/rivals/ruby/run Benchmarks/Rivals/on_sidekiq.rb
}

install_rivals() {
    say "Installing other queues below .build/rivals"
    mkdir -p "$rival_folder" "$log_folder"
    python_rivals
    ruby_rivals
    node_rivals
    say "  asynq is not measured: there is no program for it here, since no Go registry was at hand to try one with"
}
