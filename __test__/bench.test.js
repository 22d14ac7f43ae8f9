'use strict'

/** Every row of the bench runs on latchkey. How fast it is, the bench itself says. */
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { TRIALS } = require('../bench/trials.js')
const { SHAPES } = require('../bench/shapes.js')
const { TRIALS: QUEUE_TRIALS } = require('../bench/queue-trials.js')

test('every row of the speed table has a rate for latchkey', (t) => {
  const { rates } = bench(t, ['--quick', '--rounds', '1', '--subjects', 'latchkey,map'])
  for (const { name } of TRIALS) assert.ok(rates[name].latchkey > 0, name)
  assert.ok(rates.get.map > 0, 'and others are measured beside it')
})

test('every row of the memory table has its bytes per key for latchkey', (t) => {
  const results = bench(t, ['--memory', '--keys', '2000', '--subjects', 'latchkey'])
  for (const { name, keys } of SHAPES) {
    const { used } = results[name].latchkey
    assert.ok(used > 32 && used < 4096, `${name}: ${used} bytes for each of ${keys}`)
  }
})

test('every row of the table of queues has a rate for latchkey', (t) => {
  const { rates } = bench(t, ['queues', '--quick', '--subjects', 'latchkey'])
  for (const { name } of QUEUE_TRIALS) assert.ok(rates[name].latchkey > 0, name)
})

function bench(t, args) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'latchkey-bench-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const json = path.join(folder, 'results.json')
  const script = path.join(__dirname, '..', 'bench', 'run.mjs')
  execFileSync(process.execPath, [script, ...args, '--json', json], { stdio: 'pipe' })
  return JSON.parse(fs.readFileSync(json, 'utf8'))
}
