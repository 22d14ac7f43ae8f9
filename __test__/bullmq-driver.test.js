'use strict'

// What BullMQ asks of a client before any queue is made: the shapes of the replies it builds on, of
// scripts as commands above all, seen through its own adapter.

const assert = require('node:assert/strict')
const { Readable } = require('node:stream')
const { describeBoth, forbidNetworkAndWarnings, it, next, openHouse } = require('./lib/bullmq.js')

forbidNetworkAndWarnings()

describeBoth('a client in its adapter', (bullmq) => {
  const adapted = (t) => bullmq.createIORedisClient(openHouse(t, bullmq).connection)

  it('is taken for one of ioredis, and for a client of BullMQ once adapted', (t) => {
    const { connection } = openHouse(t, bullmq)
    assert.ok(bullmq.isRedisInstance(connection))
    assert.equal(bullmq.isRedisCluster(connection), false)
    assert.equal(bullmq.isIRedisClient(connection), false)
    const client = bullmq.createIORedisClient(connection)
    assert.ok(bullmq.isIRedisClient(client))
    assert.equal(bullmq.createIORedisClient(connection), client)
  })

  it('begins unready, becomes ready, and ends', async (t) => {
    const client = adapted(t)
    const double = client.duplicate({ connectionName: 'double' })
    assert.notEqual(double.status, 'ready')
    await next(double, 'ready')
    assert.equal(double.status, 'ready')
    assert.match(await double.clientList(), / name=double /)
    const heard = Promise.all([next(double, 'close'), next(double, 'end')])
    assert.equal(await double.quit(), 'OK')
    await heard
    assert.equal(double.status, 'end')
    const other = client.duplicate()
    await next(other, 'ready')
    const ended = next(other, 'end')
    other.disconnect()
    await ended
    assert.match(await client.info(), /^redis_version:/m)
  })

  it('its status can be written, and its listeners be as many as wanted', (t) => {
    const client = adapted(t)
    const double = client.duplicate()
    double.setMaxListeners(double.getMaxListeners() + 3)
    assert.equal(double.getMaxListeners(), 13)
    double.disconnect()
    double.status = 'end'
    assert.equal(double.status, 'end')
  })

  it('takes structured arguments and answers as ioredis does', async (t) => {
    const client = adapted(t)
    assert.equal(await client.hset('hash', { text: 'a', number: 1.5, zero: 0 }), 3)
    assert.deepEqual(await client.hgetall('hash'), { text: 'a', number: '1.5', zero: '0' })
    assert.deepEqual(await client.hmget('hash', 'text', 'none'), ['a', null])
    assert.deepEqual(await client.hgetall('none'), {})
    assert.equal(await client.set('string', 7, { PX: 60_000 }), 'OK')
    assert.equal(await client.get('string'), '7')
    await client.zadd('zset', 1_714_857_600_000, 'a', 2.5, 'b')
    assert.deepEqual(await client.zrange('zset', 0, -1, { WITHSCORES: true }), [
      'b',
      '2.5',
      'a',
      '1714857600000',
    ])
    assert.deepEqual(await client.zrevrange('zset', 0, 0), ['a'])
    assert.equal(await client.zscore('zset', 'none'), null)
    await client.rpush('list', 'a', 'b')
    assert.equal(await client.lpos('list', 'b'), 1)
    assert.equal(await client.lpos('list', 'none'), null)
    const [cursor, keys] = await client.scan('0', { MATCH: 'z*', COUNT: 100 })
    assert.deepEqual([cursor, keys], ['0', ['zset']])
    const stream = client.scanStream({ match: 'l*', count: 10 })
    assert.ok(stream instanceof Readable)
    assert.deepEqual((await stream.toArray()).flat(), ['list'])
  })

  it('has streams, with and without waiting', async (t) => {
    const client = adapted(t)
    for (let i = 0; i < 5; i += 1) {
      await client.xadd('s', `${i + 1}-0`, { i }, { MAXLEN: 3, approximate: false })
    }
    const found = await client.xread([{ key: 's', id: '3-0' }], { COUNT: 1 })
    assert.deepEqual(found, [['s', [['4-0', ['i', '3']]]]])
    assert.equal(await client.xread([{ key: 's', id: '9-0' }], { BLOCK: 1 }), null)
    assert.equal(await client.xtrim('s', 'MAXLEN', 1, { approximate: false }), 2)
  })

  it('waits for the lowest member as long as it is told, in fractions of seconds', async (t) => {
    const client = adapted(t)
    assert.equal(await client.bzpopmin('marker', 0.001), null)
    const double = client.duplicate()
    const waiting = double.bzpopmin('marker', 5)
    await client.zadd('marker', 5, 'a')
    assert.deepEqual(await waiting, ['marker', 'a', '5'])
    double.disconnect()
  })

  it('a blocked client that is disconnected says so, and can be connected again', async (t) => {
    const double = adapted(t).duplicate()
    await next(double, 'ready')
    const waiting = assert.rejects(double.bzpopmin('marker', 0), /Connection is closed/)
    const ended = next(double, 'end')
    double.disconnect()
    await ended
    await waiting
    await double.connect()
    assert.equal(double.status, 'ready')
    assert.equal(await double.bzpopmin('marker', 0.001), null)
    double.disconnect()
  })

  it('scripts become commands, with words, numbers, nothing and bytes for arguments', async (t) => {
    const client = adapted(t)
    client.defineCommand('join:1.0', {
      numberOfKeys: 1,
      lua: 'return KEYS[1] .. "|" .. table.concat(ARGV, "|")',
    })
    assert.equal(typeof client['join:1.0'], 'function')
    assert.equal(await client.runCommand('join:1.0', ['k', 42, 1.5]), 'k|42|1.5')
    assert.equal(await client.runCommand('join:1.0', ['k', undefined, 'c']), 'k||c')
    const bytes = 'local n = cmsgpack.unpack(ARGV[1]); return {n[1], #ARGV[1], false, n[2]}'
    client.defineCommand('bytes', { numberOfKeys: 0, lua: bytes })
    const packed = Buffer.from([0x92, 0x07, 0xa2, 0xc3, 0xa9])
    assert.deepEqual(await client.runCommand('bytes', [packed]), [7, 5, null, 'é'])
  })

  it('a script that the server has forgotten is sent again', async (t) => {
    const client = adapted(t)
    client.defineCommand('one', { numberOfKeys: 0, lua: 'return 1' })
    assert.equal(await client.runCommand('one', []), 1)
    await client.script('FLUSH')
    assert.equal(await client.runCommand('one', []), 1)
  })

  it('an error that a script raises rejects with its words', async (t) => {
    const client = adapted(t)
    const lua = 'return redis.call("INCR", KEYS[1])'
    client.defineCommand('count', { numberOfKeys: 1, lua })
    await client.set('word', 'x')
    await assert.rejects(client.runCommand('count', ['word']), /not an integer or out of range/)
    await client.del('word')
    assert.equal(await client.runCommand('count', ['word']), 1)
  })

  it('transactions answer pairs of error and result, scripts among them', async (t) => {
    const client = adapted(t)
    client.defineCommand('put', {
      numberOfKeys: 1,
      lua: 'redis.call("SET", KEYS[1], ARGV[1]) return {1, "done"}',
    })
    await client.hset('hash', { a: 1, b: 2 })
    await client.sadd('set', 'x', 'y')
    for (const method of ['multi', 'pipeline']) {
      const chain = client[method]()
      chain.hgetall('hash')
      chain.hset('hash', { a: 2 })
      chain.hscan('hash', 0, { COUNT: 100 })
      chain.sscan('set', '0', { COUNT: 100 })
      chain.runCommand('put', ['key', method])
      chain.lrange('none', 0, -1)
      chain.llen('hash')
      const results = await chain.exec()
      assert.match(results.pop()[0].message, /WRONGTYPE/)
      assert.ok(results.every(([error]) => error === null))
      const [all, , [cursor, pairs], [, members], put, range] = results.map(([, value]) => value)
      assert.deepEqual(all, { a: method === 'multi' ? '1' : '2', b: '2' })
      assert.deepEqual([cursor, pairs], ['0', ['a', '2', 'b', '2']])
      assert.deepEqual(members.sort(), ['x', 'y'])
      assert.deepEqual([put, range], [[1, 'done'], []])
      assert.equal(await client.get('key'), method)
    }
  })
})
