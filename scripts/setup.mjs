/**
 * What `npm start` and `npm test` need before they can run: npm's packages and the addon.
 *
 * Plain Node with no dependency, because in a fresh clone there are none. Each step looks first
 * whether its inputs changed, so a second run costs milliseconds and rebuilds nothing.
 *
 * Not here: building for another machine (see .github/workflows/ci.yml) and publishing.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
const WINDOWS = process.platform === 'win32'
const STAMP = path.join(root, 'target', 'addon.json')

/** A reason to stop that the reader can act on, so it is printed without a stack. */
export class SetupError extends Error {}

/** Installs and builds what is missing or stale. */
export function setUp() {
  requireNode()
  installPackages()
  buildAddon()
}

/** Runs `main`, and prints a SetupError as the plain sentence it is. */
export async function runScript(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`\n${error.message}\n`)
    process.exitCode = 1
  }
}

/** Runs a program in the project's folder with our terminal; answers its exit code. */
export function run(program, args, options = {}) {
  const { status, signal, error } = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    ...options,
  })
  if (error) throw new SetupError(`${program} could not be started: ${error.message}`)
  return signal ? 1 : status
}

/** cargo, which installers put where a shell started earlier does not look yet. */
export function requireCargo() {
  const home = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo')
  process.env.PATH += path.delimiter + path.join(home, 'bin')
  const wanted = /^rust-version = "(.+)"/m.exec(read('Cargo.toml'))[1]
  const { stdout, error } = spawnSync('rustc', ['--version'], { cwd: root, encoding: 'utf8' })
  if (error) {
    throw new SetupError(
      `latchkey's addon is written in Rust, and no Rust was found.\n` +
        `Install Rust ${wanted} or newer with rustup (https://rustup.rs), then run this again.`,
    )
  }
  const found = /\d+\.\d+\.\d+/.exec(stdout)?.[0]
  if (!found || olderThan(found, wanted)) {
    throw new SetupError(
      `latchkey needs Rust ${wanted} or newer, and this is ${stdout.trim()}.\n` +
        'Run `rustup update stable`, then run this again.',
    )
  }
}

function requireNode() {
  const wanted = manifest.engines.node.replace('>=', '')
  if (olderThan(process.versions.node, wanted)) {
    throw new SetupError(
      `latchkey needs Node.js ${wanted} or newer, and this is ${process.versions.node}.`,
    )
  }
}

function olderThan(found, wanted) {
  const [a, b] = [found, wanted].map((version) => version.split('.').map(Number))
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1])
}

function installPackages() {
  if (packagesAreCurrent()) return
  console.log('Installing the npm packages …')
  if (npm(['ci', '--no-audit', '--no-fund', '--loglevel', 'error']) !== 0) {
    throw new SetupError('npm could not install the packages; its message stands above.')
  }
}

/** npm writes down what it installed; that list is compared with the one we ask for. */
function packagesAreCurrent() {
  const list = path.join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(list)) return false
  const installed = JSON.parse(readFileSync(list, 'utf8')).packages
  const wanted = JSON.parse(read('package-lock.json')).packages
  return Object.entries(wanted).every(([place, { version, optional }]) => {
    if (place === '') return true
    const there = installed[place]
    return there ? there.version === version : Boolean(optional)
  })
}

function buildAddon() {
  const inputs = addonInputs()
  if (addonIsCurrent(inputs)) return
  requireCargo()
  console.log('Building the addon (the first time takes a few minutes) …')
  if (npm(['run', '--silent', 'build']) !== 0) {
    throw new SetupError(
      'The addon did not build; the message stands above.\n' +
        'Besides Rust it needs a C compiler (Debian: apt install build-essential).',
    )
  }
  const file = readdirSync(root).find((name) => /^latchkey\..+\.node$/.test(name))
  if (!file) throw new SetupError('The build ended without leaving an addon.')
  mkdirSync(path.dirname(STAMP), { recursive: true })
  writeFileSync(STAMP, JSON.stringify({ inputs, file, binary: digest(file) }))
}

/** The binary's own hash is looked at too: a debug build puts another one in its place. */
function addonIsCurrent(inputs) {
  if (!existsSync(STAMP)) return false
  const stamp = JSON.parse(readFileSync(STAMP, 'utf8'))
  if (stamp.inputs !== inputs || !existsSync(path.join(root, stamp.file))) return false
  return stamp.binary === digest(stamp.file) && existsSync(path.join(root, 'native.js'))
}

/** One hash over everything that decides what the addon is. */
function addonInputs() {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true })
    .map((name) => path.join('src', name))
    .filter((name) => statSync(path.join(root, name)).isFile())
    .sort()
  const hash = createHash('sha256')
  hash.update(`${process.platform} ${process.arch} ${manifest.version} ${manifest.scripts.build}`)
  for (const name of ['Cargo.toml', 'Cargo.lock', 'build.rs', ...sources]) {
    hash.update(`\n${name.replaceAll(path.sep, '/')}\n`).update(read(name))
  }
  return hash.digest('hex')
}

function digest(file) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, file)))
    .digest('hex')
}

function read(name) {
  return readFileSync(path.join(root, name), 'utf8')
}

/** The npm that runs us, if one does: the one found on the PATH may be another. */
function npm(args) {
  const { npm_execpath: self } = process.env
  if (self?.endsWith('.js')) return run(process.execPath, [self, ...args])
  return run('npm', args, { shell: WINDOWS })
}
