'use strict'

/** What someone reads whose machine lacks something, and what stops an incomplete release. */
const { test } = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.dirname(__dirname)
const WINDOWS = process.platform === 'win32'

test('without Rust the set-up says how to get it', (t) => {
  const { status, stderr } = requireCargoWith(programs(t, {}))
  assert.equal(status, 1)
  assert.match(stderr, /no Rust was found/)
  assert.match(stderr, /Install Rust [\d.]+ or newer with rustup/)
  assert.doesNotMatch(stderr, /at requireCargo/, 'no stack')
})

test('a Rust that is too old is named, with the one that is needed', { skip: WINDOWS }, (t) => {
  const { status, stderr } = requireCargoWith(programs(t, { rustc: 'rustc 1.70.0 (x 2023-05-31)' }))
  assert.equal(status, 1)
  assert.match(stderr, /needs Rust [\d.]+ or newer, and this is rustc 1\.70\.0/)
  assert.match(stderr, /rustup update/)
})

test('a Rust that is new enough is taken', { skip: WINDOWS }, (t) => {
  const { status, stderr } = requireCargoWith(programs(t, { rustc: 'rustc 99.1.0 (x 2099-01-01)' }))
  assert.equal(stderr, '')
  assert.equal(status, 0)
})

test('a release without its binaries is stopped, and so is a dry run', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/publish-gate.mjs'], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, npm_config_dry_run: 'true' },
  })
  assert.equal(status, 1)
  assert.match(stderr, /@latchkey\/native-darwin-arm64 has no latchkey\.darwin-arm64\.node/)
  assert.match(stderr, /a dry run would really publish/)
})

/** A folder of programs that print one line, to be the whole PATH. */
function programs(t, lines) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'latchkey-setup-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  for (const [name, line] of Object.entries(lines)) {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 })
  }
  return folder
}

function requireCargoWith(folder) {
  const code = `
    import { requireCargo, runScript } from './scripts/setup.mjs'
    await runScript(requireCargo)`
  return spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: folder, CARGO_HOME: folder },
  })
}
