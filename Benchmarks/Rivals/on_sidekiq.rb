# Sidekiq: one process with ten threads. As in pace.py, the first handler begins the time and the last one ends it.

require "json"
require "sidekiq"
require "sidekiq/launcher"

SOCKET, WHAT, JOBS = ARGV[0], ARGV[1], ARGV[2].to_i
PAYLOAD = { "to" => "a@b.c", "n" => 12_345, "subject" => "hello world, how are you" }.freeze

class Email
  include Sidekiq::Worker

  LOCK = Mutex.new
  @@done = 0

  def perform(_payload)
    LOCK.synchronize do
      @@done += 1
      now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      @@started = now if @@done == 1
      next if @@done < JOBS
      $stdout.puts JSON.generate({ jobs: JOBS - 1, seconds: now - @@started })
      $stdout.flush
      exit!(0)
    end
  end
end

Sidekiq.logger.level = Logger::ERROR
# Warnings that the client of Redis has for every call would be measured too.
Redis.silence_deprecations = true if Redis.respond_to?(:silence_deprecations=)
Sidekiq.redis = { url: "unix://#{SOCKET}", size: 15 }
if WHAT == "fill"
  Array.new(JOBS) { [PAYLOAD] }.each_slice(1_000) { |part| Sidekiq::Client.push_bulk("class" => Email, "args" => part) }
  puts JSON.generate({ jobs: JOBS, seconds: 1 })
else
  Sidekiq::Launcher.new(Sidekiq.options.merge(queues: ["default"], concurrency: 10)).run
  sleep
end
