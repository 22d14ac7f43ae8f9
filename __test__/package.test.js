'use strict'

/**
 * What npm would publish, installed into an empty project without a network: the package itself,
 * and the platform package that carries the addon.
 */
const { test, before, after } = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.dirname(__dirname)
const WINDOWS = process.platform === 'win32'

let scratch
let tarballs

before(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'latchkey-package-'))
  tarballs = { root: pack(root), platform: pack(platformFolder()) }
})

after(() => fs.rmSync(scratch, { recursive: true, force: true }))

test('an installed package is required and runs a command', () => {
  const project = install('required', [tarballs.root, tarballs.platform])
  const printed = runIn(project, [
    '--eval',
    `const Redis = require('latchkey')
     const redis = new Redis()
     redis.set('k', 'v').then(() => redis.get('k')).then(console.log)`,
  ])
  assert.equal(printed.stdout.trim(), 'v', printed.stderr)
})

test('an installed package is imported by default and by name, and its parts load', () => {
  const project = install('imported', [tarballs.root, tarballs.platform])
  const printed = runIn(project, [
    '--input-type=module',
    '--eval',
    `import Redis, { Redis as Named } from 'latchkey'
     import { connection } from 'latchkey/bullmq'
     import { createRequire } from 'node:module'
     const { name } = createRequire(import.meta.url)('latchkey/package.json')
     console.log(Redis === Named, await new Redis().ping(), name, await connection().ping())`,
  ])
  assert.equal(printed.stdout.trim(), 'true PONG latchkey PONG', printed.stderr)
})

test('sessions need no express-session to load, and rate limits say what they need', () => {
  const project = install('without-peers', [tarballs.root, tarballs.platform])
  const printed = runIn(project, [
    '--eval',
    `const { SessionStore } = require('latchkey/session')
     const store = new SessionStore()
     store.set('a', { cookie: {}, user: 'ada' })
       .then(() => store.get('a'))
       .then(({ user }) => console.log(user))
       .then(() => require('latchkey/rate-limit'))
       .catch(({ message }) => console.log(message))`,
  ])
  const needs = 'latchkey/rate-limit needs express-rate-limit: npm install express-rate-limit'
  assert.equal(printed.stdout.trim(), `ada\n${needs}`, printed.stderr)
})

test('without the platform package the error names it and what to do', () => {
  const project = install('incomplete', [tarballs.root])
  const printed = runIn(project, ['--eval', `require('latchkey')`])
  assert.notEqual(printed.status, 0)
  const { name } = readManifest(platformFolder())
  assert.match(printed.stderr, new RegExp(`npm install ${name}\\b`))
  assert.match(printed.stderr, /npm\/cli\/issues\/4828/)
})

test('the package holds what users import and nothing else', () => {
  const files = listFiles(path.join(install('listed', [tarballs.root]), 'node_modules', 'latchkey'))
  const strangers = files.filter((file) => {
    return !/^(index|native)\.(js|d\.ts)$|^(bin|lib)\/.+\.js$|^types\/.+\.d\.ts$/.test(file)
  })
  assert.deepEqual(strangers, ['LICENSE', 'README.md', 'package.json'])
  for (const target of exportedFiles(readManifest(root).exports)) {
    assert.ok(files.includes(target.replace('./', '')), `${target} is exported but not packed`)
  }
})

/** The folder under npm/ for this machine, copied and given its binary as a release does. */
function platformFolder() {
  const copy = path.join(scratch, 'platform')
  if (fs.existsSync(copy)) return copy
  const folder = fs
    .readdirSync(path.join(root, 'npm'))
    .map((name) => path.join(root, 'npm', name))
    .find((place) => {
      const { os: systems, cpu, main } = readManifest(place)
      const fits = systems.includes(process.platform) && cpu.includes(process.arch)
      return fits && fs.existsSync(path.join(root, main))
    })
  assert.ok(folder, 'no addon is built for this machine: run `npm run build`')
  fs.cpSync(folder, copy, { recursive: true })
  const { main } = readManifest(folder)
  fs.copyFileSync(path.join(root, main), path.join(copy, main))
  return copy
}

function pack(folder) {
  const args = ['pack', folder, '--ignore-scripts', '--json', '--pack-destination', scratch]
  const [{ filename }] = JSON.parse(npm(args, scratch))
  return path.join(scratch, filename)
}

/** A new project holding these tarballs; a registry asked for anything more does not answer. */
function install(name, packages) {
  const project = path.join(scratch, name)
  fs.mkdirSync(project)
  fs.writeFileSync(path.join(project, 'package.json'), '{ "private": true }')
  const cache = path.join(scratch, 'cache')
  npm(['install', '--offline', '--no-audit', '--no-fund', '--cache', cache, ...packages], project)
  return project
}

function npm(args, cwd) {
  return execFileSync('npm', args, {
    cwd,
    encoding: 'utf8',
    shell: WINDOWS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

function runIn(project, args) {
  return spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8' })
}

function readManifest(folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
}

function exportedFiles(entry) {
  return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(exportedFiles)
}

function listFiles(folder) {
  return fs
    .readdirSync(folder, { recursive: true })
    .filter((name) => fs.statSync(path.join(folder, name)).isFile())
    .map((name) => name.replaceAll(path.sep, '/'))
    .sort()
}
