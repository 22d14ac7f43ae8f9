'use strict'

// Job queues with lists, and streams of events.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

test('a worker waits in blpop and gets the jobs in the order in which they were pushed', async () => {
  const producer = newRedis()
  const worker = newRedis()
  const done = []

  async function work() {
    for (;;) {
      const [queue, job] = await worker.blpop('jobs', 0)
      assert.equal(queue, 'jobs')
      const { name } = JSON.parse(job)
      if (name === 'stop') return
      done.push(name)
    }
  }

  const working = work()
  await producer.rpush('jobs', JSON.stringify({ name: 'first' }))
  await producer.rpush(
    'jobs',
    ...['second', 'third', 'stop'].map((name) => JSON.stringify({ name })),
  )
  await working
  assert.deepEqual(done, ['first', 'second', 'third'])
  assert.equal(await producer.llen('jobs'), 0)
})

test('lpush and brpop make a queue, and each job goes to one worker alone', async () => {
  const producer = newRedis()
  const workers = [newRedis(), newRedis(), newRedis()]
  const waiting = workers.map((worker) => worker.brpop('queue', 5))
  for (const job of ['a', 'b', 'c']) await producer.lpush('queue', job)
  const taken = await Promise.all(waiting)
  assert.deepEqual(taken.map(([, job]) => job).sort(), ['a', 'b', 'c'])
  assert.equal(await producer.exists('queue'), 0)
})

test('the first of several queues that has a job is served first', async () => {
  const redis = newRedis()
  await redis.rpush('low', 'later')
  await redis.rpush('high', 'now')
  assert.deepEqual(await redis.blpop('high', 'low', 1), ['high', 'now'])
  assert.deepEqual(await redis.blpop(['high', 'low'], 1), ['low', 'later'])
})

test('blpop answers null when its time is over', async () => {
  const redis = newRedis()
  assert.equal(await redis.blpop('empty', 0.01), null)
})

test('a reliable queue moves the job to a list of its own while it is worked on', async () => {
  const redis = newRedis()
  const worker = newRedis()
  const waiting = worker.blmove('todo', 'doing', 'RIGHT', 'LEFT', 5)
  await redis.lpush('todo', 'job')
  assert.equal(await waiting, 'job')
  assert.deepEqual(await redis.lrange('doing', 0, -1), ['job'])
  assert.equal(await redis.lrem('doing', 1, 'job'), 1)
  assert.equal(await redis.rpoplpush('todo', 'doing'), null)
})

test('delayed jobs wait in a sorted set until their time has come', async () => {
  const redis = newRedis()
  await redis.zadd('delayed', 100, 'early', 300, 'late', 200, 'middle')
  const due = await redis.zrangebyscore('delayed', '-inf', 200, 'LIMIT', 0, 10)
  assert.deepEqual(due, ['early', 'middle'])
  await redis
    .multi()
    .zrem('delayed', ...due)
    .rpush('ready', ...due)
    .exec()
  assert.deepEqual(await redis.lrange('ready', 0, -1), ['early', 'middle'])
  assert.deepEqual(await redis.zpopmin('delayed'), ['late', '300'])
})

test('xadd appends events and xread reads on from the last id', async () => {
  const redis = newRedis()
  const first = await redis.xadd('events', '*', 'type', 'login', 'user', 'ada')
  await redis.xadd('events', '*', 'type', 'logout', 'user', 'ada')
  assert.match(first, /^\d+-\d+$/)

  const [[stream, entries]] = await redis.xread('COUNT', 10, 'STREAMS', 'events', '0')
  assert.equal(stream, 'events')
  assert.deepEqual(entries[0], [first, ['type', 'login', 'user', 'ada']])
  const [[, rest]] = await redis.xread('STREAMS', 'events', first)
  assert.deepEqual(
    rest.map(([, fields]) => fields),
    [['type', 'logout', 'user', 'ada']],
  )
  const lastId = rest[0][0]
  assert.equal(await redis.xread('STREAMS', 'events', lastId), null)
})

test("xread('BLOCK', 5000, 'STREAMS', ...) waits for the next event", async () => {
  const redis = newRedis()
  const reader = newRedis()
  await redis.xadd('events', '*', 'n', 1)
  const waiting = reader.xread('BLOCK', 5000, 'STREAMS', 'events', '$')
  // The reader must be waiting before the next event, `$` being what is there by then.
  while (!/blocked_clients:1\r\n/.test(await redis.info('clients'))) await turn()
  const id = await redis.xadd('events', '*', 'n', 2)
  assert.deepEqual(await waiting, [['events', [[id, ['n', '2']]]]])
  assert.equal(await reader.xread('BLOCK', 10, 'STREAMS', 'events', id), null)
})

test('a listener loop follows a stream with BLOCK 0', async () => {
  const redis = newRedis()
  const reader = newRedis()
  const seen = []

  async function listen(lastId = '0') {
    const results = await reader.xread('BLOCK', 0, 'STREAMS', 'log', lastId)
    const [, messages] = results[0]
    for (const [, fields] of messages) seen.push(fields[1])
    if (seen.length < 3) await listen(messages[messages.length - 1][0])
  }

  const listening = listen()
  for (const line of ['a', 'b', 'c'])
    await redis.xadd('log', 'MAXLEN', '~', 1000, '*', 'line', line)
  await listening
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(await redis.xlen('log'), 3)
  assert.deepEqual(
    (await redis.xrevrange('log', '+', '-', 'COUNT', 1)).map(([, fields]) => fields),
    [['line', 'c']],
  )
})

const turn = () => new Promise((resolve) => setImmediate(resolve))
