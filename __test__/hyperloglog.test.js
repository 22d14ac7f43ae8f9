'use strict'

// What the transcripts leave out because it would be long: all registers, and a value of 12 KB.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const Redis = require('..')

const REGISTERS = 16384

test('PFDEBUG GETREG tells every register and leaves the value dense', async () => {
  const redis = new Redis()
  await redis.pfadd('getreg', 'a', 'b', 'c')
  const registers = await redis.pfdebug('GETREG', 'getreg')
  assert.equal(registers.length, REGISTERS)
  const set = Object.entries(registers).filter(([, value]) => value > 0)
  // PFDEBUG DECODE on a real server: Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603
  assert.deepEqual(set, [
    ['8436', 1],
    ['12711', 2],
    ['15780', 1],
  ])
  assert.equal(await redis.pfdebug('ENCODING', 'getreg'), 'dense')
  await redis.quit()
})

test('a dense value goes through the hands of a client and comes back the same', async () => {
  const redis = new Redis()
  const elements = Array.from({ length: 50_000 }, (_, at) => String(at))
  for (let at = 0; at < elements.length; at += 1000) {
    await redis.pfadd('dense', ...elements.slice(at, at + 1000))
  }
  // What servers estimate for these.
  assert.equal(await redis.pfcount('dense'), 50354)
  const bytes = await redis.getBuffer('dense')
  assert.equal(bytes.length, 12304)
  await redis.set('copy', bytes)
  assert.equal(await redis.pfcount('copy', 'dense'), 50354)
  assert.equal(await redis.pfadd('copy', '1', '2'), 0)
  await redis.quit()
})
