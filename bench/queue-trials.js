'use strict'

/**
 * The rows of `npm run bench -- queues`, as data. How each is done stands in queue-runs.js.
 *
 * `jobs` is how many operations one round takes, after a quarter as many that warm up. `reach` is
 * how many times the better of the servers latchkey is to reach in the same run. Where fifty jobs
 * are at once the packages' own work is a ceiling below that: with answers that cost nothing (the
 * recorded ones of a server, given at once) BullMQ adds 157 k and processes 70 k jobs a second,
 * Bull 134 k and 47 k, where servers reach 55 k, 31 k, 55 k and 20 k.
 */
exports.TRIALS = [
  { name: 'BullMQ add', jobs: 12_000, reach: 3 },
  { name: 'BullMQ add (50 at once)', jobs: 20_000, reach: 3 },
  { name: 'BullMQ process', jobs: 8_000, reach: 3 },
  { name: 'BullMQ process (50 at once)', jobs: 12_000, reach: 3 },
  { name: 'Bull add', jobs: 10_000, reach: 3 },
  { name: 'Bull add (50 at once)', jobs: 20_000, reach: 3 },
  { name: 'Bull process', jobs: 6_000, reach: 3 },
  { name: 'Bull process (50 at once)', jobs: 12_000, reach: 3 },
  { name: 'rate-limiter-flexible', jobs: 20_000, reach: 3 },
  { name: 'rate-limiter-flexible (50 at once)', jobs: 40_000, reach: 3 },
  { name: 'rate-limit-redis', jobs: 20_000, reach: 3 },
  { name: 'rate-limit-redis (50 at once)', jobs: 40_000, reach: 3 },
]

/** What "at once" means in a row's name. */
exports.AT_ONCE = 50

/** Whose requests the limiters count. */
exports.VISITORS = 1_000

/** What a job is about. */
exports.payload = (i) => ({ to: `user-${i}@example.com`, template: 'welcome', attempt: 1 })
