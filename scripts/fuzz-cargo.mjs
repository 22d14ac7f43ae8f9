/**
 * `npm run fuzz:cargo -- [--seconds 10] [target...]`: the targets of fuzz/, each for a while.
 *
 * libFuzzer's own instrumentation is asked of the stable compiler here, so that neither cargo-fuzz
 * nor a nightly toolchain has to be there. What is new in a run stays in target/fuzz; the corpus
 * that is kept is changed by hand.
 *
 * Not here: sanitizers (`cargo +nightly fuzz run`).
 */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { requireCargo, root, run, runScript, SetupError } from './setup.mjs'

const MANIFEST = path.join(root, 'fuzz', 'Cargo.toml')
const BUILT = path.join(root, 'target', 'fuzz')
/** What needs Node, and what the server alone needs. */
const LEFT_OUT = /optional = true|^(socket2|tokio-rustls) =/
const MARK = '# From here on as in ../Cargo.toml.\n'

const INSTRUMENTED = [
  '--cfg fuzzing',
  '-Cpasses=sancov-module',
  ...[
    'sanitizer-coverage-level=4',
    'sanitizer-coverage-inline-8bit-counters',
    'sanitizer-coverage-pc-table',
    'sanitizer-coverage-trace-compares',
  ].map((flag) => `-Cllvm-args=-${flag}`),
  // Tables of this instrumentation must not be split over parts of the crate that are left out.
  '-Ccodegen-units=1',
].join(' ')

await runScript(() => {
  const skipped = whyNot()
  if (skipped) return skip(skipped)
  requireCargo()
  const { seconds, targets } = options(process.argv.slice(2))
  takeOverDependencies()
  const host = hostTriple()
  const env = { ...process.env, RUSTFLAGS: INSTRUMENTED, CARGO_TARGET_DIR: BUILT }
  const bins = targets.flatMap((target) => ['--bin', target])
  // With a target named, build scripts and macros are left uninstrumented.
  const how = ['build', '--release', '--manifest-path', MANIFEST, '--target', host, ...bins]
  if (run('cargo', how, { env }) !== 0) throw new SetupError('The fuzz targets do not build.')
  const failed = targets.filter((target) => !holds(target, host, seconds))
  if (failed.length > 0) throw new SetupError(`Fuzzing found faults: ${failed.join(', ')}`)
})

function whyNot() {
  if (process.platform !== 'linux') return 'fuzzing is set up for Linux alone'
  if (spawnSync('c++', ['--version']).error) return 'there is no C++ compiler (c++) for libFuzzer'
  return undefined
}

function skip(why) {
  if (process.env.CI && process.platform === 'linux') throw new SetupError(`Not fuzzed: ${why}.`)
  console.log(`Skipped: ${why}.`)
}

function options(words) {
  const at = words.indexOf('--seconds')
  const seconds = at < 0 ? 10 : Number(words.splice(at, 2)[1])
  if (!(seconds > 0)) throw new SetupError('--seconds takes a number above 0.')
  const all = readdirSync(path.join(root, 'fuzz', 'targets')).map((file) => path.parse(file).name)
  const unknown = words.find((word) => !all.includes(word))
  if (unknown) throw new SetupError(`There is no target ${unknown}: ${all.join(', ')}.`)
  return { seconds, targets: words.length > 0 ? words : all }
}

/** The crate is built from the same sources, so it needs what the addon needs, in its versions. */
function takeOverDependencies() {
  const addon = readFileSync(path.join(root, 'Cargo.toml'), 'utf8')
  const wanted = /^\[dependencies\]\n(.*?)^\[/ms.exec(addon)[1].split('\n')
  const kept = wanted.filter((line) => line !== '' && !LEFT_OUT.test(line))
  const before = readFileSync(MANIFEST, 'utf8')
  const after = `${before.slice(0, before.indexOf(MARK))}${MARK}${kept.join('\n')}\n`
  if (after !== before) writeFileSync(MANIFEST, after)
  const [lock, own] = ['Cargo.lock', 'fuzz/Cargo.lock'].map((name) => path.join(root, name))
  // A lock file that was completed already spares a look at the registry.
  const isCurrent = existsSync(own) && statSync(own).mtimeMs > statSync(lock).mtimeMs
  if (!isCurrent) copyFileSync(lock, own)
}

function hostTriple() {
  const { stdout } = spawnSync('rustc', ['-vV'], { encoding: 'utf8' })
  return /^host: (.+)$/m.exec(stdout)[1]
}

function holds(target, host, seconds) {
  const found = path.join(BUILT, 'found', target)
  mkdirSync(found, { recursive: true })
  const limits = [
    '-rss_limit_mb=2048',
    '-timeout=10',
    '-max_len=4096',
    `-max_total_time=${seconds}`,
  ]
  const program = path.join(BUILT, host, 'release', target)
  const kept = path.join(root, 'fuzz', 'corpus', target)
  const told = ['-print_final_stats=1', '-verbosity=0', `-artifact_prefix=${found}-`]
  const { status, stderr, error } = spawnSync(program, [...limits, ...told, found, kept], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  const runs = /number_of_executed_units: (\d+)/.exec(stderr)?.[1]
  console.log(`${target}: ${runs} runs in ${seconds} s`)
  if (status === 0) return true
  console.error(stderr || error)
  return false
}
