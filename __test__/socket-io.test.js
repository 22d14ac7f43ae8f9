'use strict'

// Socket.IO servers that know of each other through latchkey alone: the three adapters and the
// emitter, as published. Two servers stand in this process, each with a client of its own.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { Server } = require('socket.io')
const { io: connect } = require('socket.io-client')
const redisAdapter = require('@socket.io/redis-adapter')
const streamsAdapter = require('@socket.io/redis-streams-adapter')
const { Emitter } = require('@socket.io/redis-emitter')
const { afterwards, mayConnectTo } = require('./lib/watch')
const { newRedis } = require('./lib/twin')

const ADAPTERS = {
  'the pub/sub adapter': () => redisAdapter.createAdapter(newRedis(), newRedis()),
  'the sharded adapter': () => redisAdapter.createShardedAdapter(newRedis(), newRedis()),
  'the streams adapter': () => newStreamsAdapter(),
  'the streams adapter with sharded pub/sub': () => newStreamsAdapter({ useShardedPubSub: true }),
}

function newStreamsAdapter(options) {
  const redis = newRedis()
  // its reader waits in XREAD, and looks up only when something comes
  afterwards(() => redis.xadd('socket.io', '*', 'the', 'end'))
  return streamsAdapter.createAdapter(redis, options)
}

/** A server with a client that is connected to it, and the client's socket there. */
async function newServer(adapter) {
  const http = createServer()
  const io = new Server(http, { adapter })
  afterwards(() => io.close())
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const port = mayConnectTo(http.address().port)
  const client = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'] })
  afterwards(() => client.disconnect())
  const [socket] = await once(io, 'connection')
  await heard(client, 'connect')
  return { io, client, socket }
}

/** Two servers that hear of each other. */
async function newPair(newAdapter) {
  const [one, two] = [await newServer(newAdapter()), await newServer(newAdapter())]
  const redis = newRedis()
  const isStream = newAdapter.toString().includes('Streams')
  for (const { io } of [one, two]) {
    const { adapter } = io.of('/')
    while ((await adapter.serverCount()) < 2) await turn()
  }
  while (isStream && !/blocked_clients:2\r\n/.test(await redis.info('clients'))) await turn()
  return [one, two]
}

function turn() {
  return new Promise(setImmediate)
}

/** Resolves when a server sees somebody in a room: the other one then listens for it. */
async function joined(io, room) {
  while ((await io.in(room).fetchSockets()).length === 0) await turn()
}

/** What a client is told with its next event of this name. */
function heard(client, event) {
  if (event === 'connect' && client.connected) return undefined
  return new Promise((resolve) => client.once(event, (...args) => resolve(args)))
}

for (const [name, newAdapter] of Object.entries(ADAPTERS)) {
  test(`${name}: what one server emits the other's clients hear, bytes too`, async () => {
    const [one, two] = await newPair(newAdapter)
    const both = [heard(one.client, 'news'), heard(two.client, 'news')]
    one.io.emit('news', { rain: true }, Buffer.from([0, 255, 10]))
    const wanted = [{ rain: true }, Buffer.from([0, 255, 10])]
    assert.deepEqual(await Promise.all(both), [wanted, wanted])
    const others = heard(one.client, 'hello')
    two.socket.broadcast.emit('hello', 1)
    assert.deepEqual(await others, [1])
  })

  test(`${name}: a room is one room on both servers`, async () => {
    const [one, two] = await newPair(newAdapter)
    const told = []
    one.client.on('move', () => told.push('one'))
    two.client.on('move', () => told.push('two'))
    two.socket.join('chess')
    await joined(one.io, 'chess')
    const end = [heard(one.client, 'end'), heard(two.client, 'end')]
    one.io.to('chess').emit('move', 'e4')
    await heard(two.client, 'move')
    one.io.except('chess').emit('move')
    await heard(one.client, 'move')
    one.io.emit('end')
    await Promise.all(end)
    assert.deepEqual(told, ['two', 'one'])
  })

  test(`${name}: a server sees, moves and disconnects the sockets of the other`, async () => {
    const [one, two] = await newPair(newAdapter)
    two.socket.data.user = 'ada'
    const seen = await one.io.fetchSockets()
    assert.deepEqual(seen.map(({ id }) => id).sort(), [one.socket.id, two.socket.id].sort())
    assert.equal(seen.find(({ id }) => id === two.socket.id).data.user, 'ada')
    const moved = heard(two.client, 'moved')
    one.io.in(two.socket.id).socketsJoin('away')
    await joined(one.io, 'away')
    one.io.to('away').emit('moved')
    await moved
    assert.ok(two.socket.rooms.has('away'))
    const gone = heard(two.client, 'disconnect')
    one.io.in('away').disconnectSockets(true)
    await gone
    assert.ok(one.client.connected)
  })

  test(`${name}: clients of both servers acknowledge, and servers answer each other`, async () => {
    const [one, two] = await newPair(newAdapter)
    one.client.on('ask', (done) => done('one'))
    two.client.on('ask', (done) => done('two'))
    // the adapter remembers the question for as long as that
    const answers = await one.io.timeout(1000).emitWithAck('ask')
    assert.deepEqual(answers.sort(), ['one', 'two'])
    two.io.on('sum', (a, b, done) => done(a + b))
    assert.deepEqual(await one.io.serverSideEmitWithAck('sum', 1, 2), [3])
  })
}

test('the streams adapter gives back a session with what it missed', async () => {
  const http = createServer()
  const io = new Server(http, { adapter: newStreamsAdapter(), connectionStateRecovery: {} })
  afterwards(() => io.close())
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const port = mayConnectTo(http.address().port)
  const client = connect(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    reconnectionDelay: 20,
    reconnectionDelayMax: 20,
  })
  afterwards(() => client.disconnect())
  const redis = newRedis()
  await heard(client, 'connect')
  const first = client.id
  while (!/blocked_clients:1\r\n/.test(await redis.info('clients'))) await turn()
  const before = heard(client, 'news')
  io.emit('news', 'seen')
  await before
  const missed = heard(client, 'news')
  const gone = heard(client, 'disconnect')
  client.io.engine.close()
  await gone
  io.emit('news', 'missed')
  assert.deepEqual((await missed).slice(0, 1), ['missed'])
  assert.ok(client.recovered)
  assert.equal(client.id, first)
})

test('the emitter reaches the clients of all servers without being one', async () => {
  const [one, two] = await newPair(ADAPTERS['the pub/sub adapter'])
  const emitter = new Emitter(newRedis())
  const both = [heard(one.client, 'time'), heard(two.client, 'time')]
  emitter.emit('time', Buffer.from([1, 2, 3]))
  const wanted = [Buffer.from([1, 2, 3])]
  assert.deepEqual(await Promise.all(both), [wanted, wanted])
  const moved = heard(two.client, 'moved')
  emitter.in(two.socket.id).socketsJoin('away')
  emitter.to('away').emit('moved')
  await moved
  const served = once(one.io, 'order')
  emitter.serverSideEmit('order', 66)
  assert.deepEqual(await served, [66])
  const gone = heard(one.client, 'disconnect')
  emitter.in(one.socket.id).disconnectSockets(true)
  await gone
})
