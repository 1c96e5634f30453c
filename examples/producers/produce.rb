#!/usr/bin/env ruby
# Enqueues COUNT jobs with the gem redis: REDIS_URL=redis://127.0.0.1:6379 ruby produce.rb COUNT
require "json"
require "redis"

BATCH_MAX = 500
QUEUE = ENV.fetch("MILLPOND_QUEUE", "orders")
KEY = "mp:{#{QUEUE}}"

def command(number)
  fields = { kind: "order.ship", data: %({"order":#{number}}), correlation_id: "import-ruby" }
  more = {}
  more[:key] = "order-#{number}" if (number % 10).zero?
  more[:delay_ms] = 2000 if (number % 7).zero?
  # A key or a delay needs the function, anything else is a plain append.
  return ["XADD", "#{KEY}:ready", "*", *fields.flatten] if more.empty?

  ["FCALL", "pond_enqueue", 1, KEY, *fields.merge(more).flatten]
end

counts = { enqueued: 0, held: 0, duplicate: 0 }
begin
  redis = Redis.new(url: ENV.fetch("REDIS_URL", "redis://127.0.0.1:6379"))
  redis.call("SADD", "mp:queues", QUEUE) # so that the queue is known before a worker serves it
  (1..Integer(ARGV.fetch(0))).each_slice(BATCH_MAX) do |numbers|
    # One round trip for many; raises for the first error answer.
    answers = redis.pipelined { |batch| numbers.each { |number| batch.call(command(number)) } }
    answers.each { |answer| counts[answer.is_a?(Array) ? answer.first.to_sym : :enqueued] += 1 }
  end
rescue Redis::BaseError => e
  abort e.message
end
puts JSON.generate(counts)
