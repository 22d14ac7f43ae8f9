/**
 * `npm test`: sets up what is missing, then runs Rust's tests and Node's.
 *
 * With arguments (`npm test -- __test__/exit.test.js`) only those go to Node's test runner. With
 * `--prebuilt` the packages and the addon that are there are tested as they are, without Rust.
 * The files are named one by one: left to look for itself, Node would run this script as a test.
 */
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { requireCargo, root, run, runScript, setUp } from './setup.mjs'

await runScript(() => {
  const chosen = process.argv.slice(2).filter((argument) => argument !== '--prebuilt')
  const prebuilt = process.argv.includes('--prebuilt')
  if (!prebuilt) setUp()
  if (!prebuilt && chosen.length === 0) {
    requireCargo()
    if (run('cargo', ['test', '--no-default-features', '--quiet']) !== 0) process.exitCode = 1
  }
  if (runNodeTests(chosen.length > 0 ? chosen : testFiles()) !== 0) process.exitCode = 1
})

function testFiles() {
  return readdirSync(path.join(root, '__test__'))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => path.join('__test__', name))
}

function runNodeTests(args) {
  return run(process.execPath, ['--test', '--test-reporter=spec', ...args])
}
