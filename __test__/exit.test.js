'use strict'

// What keeps a process alive and what does not: each case in a process of its own.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { join } = require('node:path')

/** Far more than any script here takes. */
const PATIENCE_MS = 30_000
/** How long a process that is to stay is watched after it has said that it is ready. */
const WATCH_MS = 400

/** Runs a script; answers how it ended, or that it was still there a while after it was ready. */
function run(script) {
  const child = spawn(process.execPath, ['-e', `const Redis = require('.')\n${script}`], {
    cwd: join(__dirname, '..'),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  let out = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
    if (out.trim() !== 'ready') return
    clearTimeout(timer)
    timer = setTimeout(() => child.kill('SIGKILL'), WATCH_MS)
  })
  let err = ''
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      resolve({ status, alive: signal === 'SIGKILL', out: out.trim(), err: err.trim() })
    })
  })
}

const ENDED = { status: 0, alive: false }

async function assertEnds(script, out = '') {
  assert.deepEqual(await run(script), { ...ENDED, out, err: '' })
}

/** The script says that it is ready, and is then still there. */
async function assertStays(script) {
  const { alive, out, err } = await run(script)
  assert.deepEqual({ alive, out, err }, { alive: true, out: 'ready', err: '' })
}

test('an idle client keeps nothing alive', async () => {
  await assertEnds('new Redis()')
  await assertEnds("new Redis().set('k', 'v', 'EX', 100).then(console.log)", 'OK')
  await assertEnds('new Redis({ lazyConnect: true })')
})

test('a command that waits keeps the process alive until it is answered', async () => {
  await assertStays("new Redis().blpop('none', 0); setTimeout(console.log, 300, 'ready')")
  await assertEnds("new Redis().blpop('none', 0.05).then(console.log)", 'null')
})

test('a subscribed client keeps the process alive until it has unsubscribed', async () => {
  await assertStays("new Redis().subscribe('c').then(() => console.log('ready'))")
  await assertEnds(
    `
    const redis = new Redis()
    redis.subscribe('c').then(() => redis.unsubscribe()).then(console.log)`,
    '0',
  )
})

test('unref() lets the process go, and ref() keeps it', async () => {
  await assertEnds("new Redis().unref().blpop('none', 0)")
  await assertEnds(
    "const r = new Redis(); r.subscribe('c').then((n) => { r.unref(); console.log(n) })",
    '1',
  )
  await assertStays(`
    const r = new Redis().unref()
    r.subscribe('c').then(() => { r.ref(); console.log('ready') })`)
})

test('disconnect() and quit() let the process go', async () => {
  await assertEnds(
    `
    const redis = new Redis()
    redis.blpop('none', 0).catch((error) => console.log(error.message))
    setTimeout(() => redis.disconnect(), 20)`,
    'Connection is closed.',
  )
  await assertEnds(
    `
    const redis = new Redis()
    redis.subscribe('c').then(() => redis.quit()).then(console.log)`,
    'OK',
  )
})

test('process.exit in the middle of things ends the process with its code', async () => {
  const { status, err } = await run(`
    const redis = new Redis()
    redis.blpop('none', 0)
    redis.subscribe('c')
    const pipeline = redis.duplicate().pipeline()
    for (let i = 0; i < 1000; i++) pipeline.set('k' + i, 'x'.repeat(1000))
    pipeline.exec()
    process.exit(7)`)
  assert.equal(status, 7)
  assert.equal(err, '')
})

test('an error event that nobody hears is printed, and ends nothing', async () => {
  const { status, err } = await run('new Redis({ db: 99 })')
  assert.equal(status, 0)
  assert.match(err, /^\[latchkey\] Unhandled error event: ReplyError: ERR DB index is out of range/)
})
