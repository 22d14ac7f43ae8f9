'use strict'

// A store behind a socket: other people's clients talk to it, and it comes and goes as the process
// wants.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const { dirname, join } = require('node:path')
const tls = require('node:tls')
const { spawn } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const IORedis = require('ioredis')
const { createClient } = require('redis')
const Redis = require('..')

const ROOT = join(__dirname, '..')

/** A store that listens on a free port until the test has ended. */
async function open(t, options) {
  const store = new Redis.Store()
  const server = await store.listen({ port: 0, ...options })
  t.after(() => store.close())
  return { store, server, port: server.port }
}

test('ioredis and node-redis talk to a store over its socket', async (t) => {
  const { store, port } = await open(t)
  const inside = new Redis({ store })
  const io = new IORedis({ port })
  t.after(() => io.disconnect())
  assert.equal(await io.set('from', 'ioredis'), 'OK')
  assert.equal(await inside.get('from'), 'ioredis')
  assert.deepEqual(await io.pipeline().incr('n').incr('n').exec(), [
    [null, 1],
    [null, 2],
  ])
  const node = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3 })
  await node.connect()
  t.after(() => node.destroy())
  await node.hSet('hash', { field: 'value' })
  assert.deepEqual({ ...(await node.hGetAll('hash')) }, { field: 'value' })
  inside.disconnect()
})

test('a message published inside is heard outside', async (t) => {
  const { store, port } = await open(t)
  const io = new IORedis({ port })
  t.after(() => io.disconnect())
  await io.subscribe('news')
  const heard = once(io, 'message')
  const inside = new Redis({ store })
  await inside.publish('news', 'hello')
  assert.deepEqual(await heard, ['news', 'hello'])
  inside.disconnect()
})

test('a busy event loop does not keep a socket client waiting', async (t) => {
  const { port } = await open(t)
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const socket = require('node:net').connect(workerData, '127.0.0.1')
     socket.once('connect', () => parentPort.postMessage('here'))
     parentPort.once('message', (flag) => {
       socket.once('data', () => { flag[0] = 1; socket.end() })
       socket.write('PING\\r\\n')
     })`,
    { eval: true, workerData: port },
  )
  await once(worker, 'message')
  const flag = new Int32Array(new SharedArrayBuffer(4))
  worker.postMessage(flag)
  const until = Date.now() + 10_000
  while (Atomics.load(flag, 0) === 0 && Date.now() < until) {
    // busy: this loop never lets a socket of this thread be read
  }
  assert.equal(flag[0], 1)
  await once(worker, 'exit')
})

test('a taken port is told by the error', async (t) => {
  const { store, port } = await open(t)
  await assert.rejects(store.listen({ port }), { code: 'EADDRINUSE', port })
  await assert.rejects(store.listen({ prot: 0 }), /no option "prot"/)
})

/** Opens a connection that has been let in; answers a promise of its end. */
async function visit(port) {
  const socket = net.connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => {
    socket.on('close', resolve).on('error', () => {})
  })
  socket.write('PING\r\n')
  await once(socket, 'data')
  return { closed }
}

test('closing the server, or the store, ends its connections', async (t) => {
  const { store, server, port } = await open(t)
  const first = await visit(port)
  await server.close()
  await first.closed
  const again = await store.listen({ port: 0 })
  const second = await visit(again.port)
  store.close()
  await second.closed
  await assert.rejects(store.listen({ port: 0 }), /store is closed/)
})

test('a Unix socket has its permissions and goes with its server', {
  skip: process.platform === 'win32',
}, async (t) => {
  const path = join(fs.mkdtempSync(join(os.tmpdir(), 'latchkey-')), 'socket')
  t.after(() => fs.rmSync(dirname(path), { recursive: true }))
  const { server } = await open(t, { port: undefined, path, unixsocketperm: 0o700 })
  assert.equal(server.address(), path)
  assert.equal(fs.statSync(path).mode & 0o777, 0o700)
  const io = new IORedis({ path })
  assert.equal(await io.ping(), 'PONG')
  assert.match(await io.client('LIST'), new RegExp(` addr=${path}:0 .* flags=U `))
  io.disconnect()
  await server.close()
  assert.equal(fs.existsSync(path), false)
})

test('a password is asked of sockets only', async (t) => {
  const { store, port } = await open(t, { password: 'secret' })
  const io = new IORedis({ port, password: 'secret' })
  t.after(() => io.disconnect())
  assert.equal(await io.ping(), 'PONG')
  const stranger = net.connect(port, '127.0.0.1')
  stranger.write('GET k\r\n')
  const [said] = await once(stranger, 'data')
  assert.equal(String(said), '-NOAUTH Authentication required.\r\n')
  stranger.destroy()
  const inside = new Redis({ store })
  assert.equal(await inside.ping(), 'PONG')
  inside.disconnect()
})

const pem = (name) => fs.readFileSync(join(__dirname, 'lib', 'certs', name))

test('TLS is spoken with certificates of both sides', async (t) => {
  const [cert, key, ca] = ['server.crt', 'server.key', 'ca.crt'].map(pem)
  const { port } = await open(t, { tls: { cert, key, ca, requestCert: true } })
  const own = { ca, cert: pem('client.crt'), key: pem('client.key') }
  const io = new IORedis({ port, host: 'localhost', tls: own })
  t.after(() => io.disconnect())
  const big = 'x'.repeat(1 << 20)
  assert.equal(await io.set('big', big), 'OK')
  assert.equal(await io.get('big'), big)
  const unknown = tls.connect({ port, host: 'localhost', ca })
  await new Promise((resolve) => unknown.on('error', resolve).on('close', resolve).resume())
  await assert.rejects(new Redis.Store().listen({ port: 0, tls: { cert: 'x', key } }), {
    code: 'EINVAL',
  })
})

test('SHUTDOWN over a socket closes the server and tells', async (t) => {
  const { server, port } = await open(t)
  const told = once(server, 'shutdown')
  const socket = net.connect(port, '127.0.0.1')
  const closed = once(socket.resume(), 'close')
  socket.write('SHUTDOWN NOSAVE\r\n')
  await told
  await closed
  await server.close()
})

/** Runs a script of its own; answers what it printed when it has ended. */
async function run(t, script) {
  const child = spawn(process.execPath, ['-e', script], { cwd: ROOT })
  t.after(() => child.kill())
  let printed = ''
  child.stdout.on('data', (chunk) => {
    printed += chunk
  })
  child.stderr.on('data', (chunk) => {
    printed += chunk
  })
  await once(child, 'close')
  return printed
}

test('a listening server keeps the process alive, unless it is told not to', async (t) => {
  const script = (after) => `
    const { Store } = require('.')
    new Store().listen({ port: 0 }).then((server) => { ${after} })
    process.on('exit', () => console.log('ended'))`
  assert.equal(await run(t, script('server.unref()')), 'ended\n')
  const kept = await run(
    t,
    script(
      "setTimeout(() => console.log('alive'), 50).unref(); setTimeout(() => server.close(), 100).unref()",
    ),
  )
  assert.equal(kept, 'alive\nended\n')
})

test('a worker that ends takes its server along', async () => {
  const worker = new Worker(
    `const { Store } = require(${JSON.stringify(ROOT)})
     new Store().listen({ port: 0 }).then((server) => {
       require('node:worker_threads').parentPort.postMessage(server.port)
     })`,
    { eval: true },
  )
  const [port] = await once(worker, 'message')
  const guest = await visit(port)
  await worker.terminate()
  await guest.closed
})
