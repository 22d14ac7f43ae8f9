/**
 * `npm run check`: formatting, lints, drift of generated files, types, transcripts against real
 * servers, and all tests. All of it runs even when one fails, and the end says which did.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { requireCargo, root, run, runScript, setUp } from './setup.mjs'

const GENERATED_BY_BUILD = ['native.js', 'native.d.ts']

const CHECKS = [
  ['Rust formatting', () => formatted('Cargo.toml') && formatted('fuzz/Cargo.toml')],
  ['Rust lints', () => clippy()],
  ['Rust lints without JavaScript', () => clippy('--no-default-features')],
  ['JavaScript formatting and lints', () => npx('biome', 'ci', '--error-on-warnings')],
  ['The addon, and its generated loader', buildWithoutDrift],
  ['Platform packages are as generated', platformPackagesAreCurrent],
  ['Generated types and documents', () => node('scripts/generate.mjs', '--check')],
  ['Types', () => npx('tsc', '-p', 'types')],
  ['Types within lib/', () => npx('tsc', '-p', '.')],
  ['Facts about commands against a real server', () => node('scripts/facts.mjs', '--check')],
  ['Fuzz targets, for a while', () => node('scripts/fuzz-cargo.mjs', '--seconds', '10')],
  ['Transcripts against real servers', () => node('scripts/oracle.mjs')],
  [
    'Transcripts over a socket of our own',
    () => node('scripts/oracle.mjs', '--server', 'latchkey'),
  ],
  [
    'Random plays beside real servers',
    () => node('scripts/fuzz.mjs', '--plays', '400', '--seed', '1'),
  ],
  ['Tests', () => node('scripts/run-tests.mjs')],
]

await runScript(() => {
  requireCargo()
  const failed = CHECKS.filter(([title, check]) => !passes(title, check)).map(([title]) => title)
  console.log(`\n==== ${failed.length === 0 ? 'Everything holds' : `FAILED: ${failed.join('; ')}`}`)
  if (failed.length > 0) process.exitCode = 1
})

function passes(title, check) {
  console.log(`\n==== ${title}`)
  const start = Date.now()
  const passed = check()
  const seconds = ((Date.now() - start) / 1000).toFixed(1)
  console.log(`---- ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
  return passed
}

function buildWithoutDrift() {
  const before = GENERATED_BY_BUILD.map(read)
  try {
    setUp()
  } catch (error) {
    console.error(error.message)
    return false
  }
  const changed = GENERATED_BY_BUILD.filter((name, i) => read(name) !== before[i])
  for (const name of changed) console.error(`${name} was not as the build makes it; commit it.`)
  return changed.length === 0
}

function platformPackagesAreCurrent() {
  // napi writes only inside the project
  const fresh = mkdtempSync(path.join(root, 'target', 'npm-'))
  try {
    const made = npx('napi', 'create-npm-dirs', '--npm-dir', path.relative(root, fresh))
    return made && sameTexts(fresh, path.join(root, 'npm'))
  } finally {
    rmSync(fresh, { recursive: true })
  }
}

function sameTexts(fresh, kept) {
  const names = texts(fresh)
  if (names.join() !== texts(kept).join()) {
    console.error('npm/ has other files than `napi create-npm-dirs` makes')
    return false
  }
  const changed = names.filter((name) => {
    return (
      readFileSync(path.join(fresh, name), 'utf8') !== readFileSync(path.join(kept, name), 'utf8')
    )
  })
  for (const name of changed) console.error(`npm/${name} is stale: run \`napi create-npm-dirs\``)
  return changed.length === 0
}

/** A binary may lie beside the text while a release is prepared. */
function texts(folder) {
  const names = readdirSync(folder, { recursive: true })
  return names.filter((name) => /\.(json|md)$/.test(name)).sort()
}

function formatted(manifest) {
  return cargo('fmt', '--check', '--manifest-path', manifest)
}

function clippy(...features) {
  return cargo('clippy', '--all-targets', '--quiet', ...features, '--', '-D', 'warnings')
}

function cargo(...args) {
  return run('cargo', args) === 0
}

function node(...args) {
  return run(process.execPath, args) === 0
}

function npx(...args) {
  return run('npx', ['--no-install', ...args], { shell: process.platform === 'win32' }) === 0
}

function read(name) {
  return readFileSync(path.join(root, name), 'utf8')
}
