'use strict'

// Rankings, visitors and other counting with sorted sets and sets.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { newRedis } = require('./lib/twin')

test('a leaderboard lists its best with their scores', async () => {
  const redis = newRedis()
  await redis.zadd('scores', 120, 'ada', 95, 'bob', 200, 'cleo')
  await redis.zincrby('scores', 30, 'bob')

  assert.deepEqual(await redis.zrevrange('scores', 0, 1, 'WITHSCORES'), [
    'cleo',
    '200',
    'bob',
    '125',
  ])
  assert.equal(await redis.zrevrank('scores', 'cleo'), 0)
  assert.equal(await redis.zrevrank('scores', 'nobody'), null)
  assert.equal(await redis.zscore('scores', 'ada'), '120')
  assert.equal(await redis.zcard('scores'), 3)
})

test('the flat list of WITHSCORES turns into objects as tutorials do it', async () => {
  const redis = newRedis()
  await redis.zadd('scores', 1.5, 'ada', 2, 'bob')
  const flat = await redis.zrange('scores', 0, -1, 'REV', 'WITHSCORES')
  const board = []
  for (let i = 0; i < flat.length; i += 2) board.push({ name: flat[i], score: Number(flat[i + 1]) })
  assert.deepEqual(board, [
    { name: 'bob', score: 2 },
    { name: 'ada', score: 1.5 },
  ])
})

test('players of equal score are in the order of their names', async () => {
  const redis = newRedis()
  await redis.zadd('scores', 10, 'cleo', 10, 'ada', 10, 'bob')
  assert.deepEqual(await redis.zrange('scores', 0, -1), ['ada', 'bob', 'cleo'])
  assert.deepEqual(await redis.zrevrange('scores', 0, -1), ['cleo', 'bob', 'ada'])
})

test('a score only rises with GT, and a new player only joins with NX', async () => {
  const redis = newRedis()
  await redis.zadd('best', 50, 'ada')
  assert.equal(await redis.zadd('best', 'GT', 'CH', 40, 'ada'), 0)
  assert.equal(await redis.zadd('best', 'GT', 'CH', 60, 'ada'), 1)
  assert.equal(await redis.zadd('best', 'NX', 1, 'ada', 1, 'bob'), 1)
  assert.deepEqual(await redis.zrange('best', 0, -1, 'WITHSCORES'), ['bob', '1', 'ada', '60'])
})

test('a pipeline asks for page, rank and score of a player in one go', async () => {
  const redis = newRedis()
  const players = Array.from({ length: 50 }, (_, i) => [i, `p${String(i).padStart(2, '0')}`])
  await redis.zadd('scores', ...players.flat())
  const results = await redis
    .pipeline()
    .zrevrange('scores', 10, 12)
    .zrevrank('scores', 'p30')
    .zscore('scores', 'p30')
    .zcount('scores', 40, '+inf')
    .exec()
  assert.deepEqual(
    results.map(([, reply]) => reply),
    [['p39', 'p38', 'p37'], 19, '30', 10],
  )
})

test('weekly boards add up to a monthly one', async () => {
  const redis = newRedis()
  await redis.zadd('week:1', 10, 'ada', 5, 'bob')
  await redis.zadd('week:2', 3, 'ada', 20, 'bob')
  assert.equal(await redis.zunionstore('month', 2, 'week:1', 'week:2'), 2)
  assert.deepEqual(await redis.zrevrange('month', 0, -1, 'WITHSCORES'), ['bob', '25', 'ada', '13'])
})

test('sets count visitors, and tell who came on both days', async () => {
  const redis = newRedis()
  assert.equal(await redis.sadd('mon', 'ada', 'bob', 'ada'), 2)
  await redis.sadd('tue', ['bob', 'cleo'])
  assert.equal(await redis.scard('mon'), 2)
  assert.deepEqual(await redis.sinter('mon', 'tue'), ['bob'])
  assert.deepEqual((await redis.sunion('mon', 'tue')).sort(), ['ada', 'bob', 'cleo'])
  assert.deepEqual(await redis.sdiff('mon', 'tue'), ['ada'])
  assert.deepEqual(await redis.smismember('mon', 'ada', 'cleo'), [1, 0])
})

test('a list keeps the newest ten', async () => {
  const redis = newRedis()
  for (let i = 0; i < 15; i++) {
    await redis.pipeline().lpush('recent', `item${i}`).ltrim('recent', 0, 9).exec()
  }
  assert.equal(await redis.llen('recent'), 10)
  assert.deepEqual(await redis.lrange('recent', 0, 1), ['item14', 'item13'])
})
