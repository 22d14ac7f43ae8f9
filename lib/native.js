'use strict'

// The native module, or an error that says how to get it. The generated loader only knows that it
// found nothing; here stands for which machine, and what to do.

const { napi, version } = require('../package.json')

module.exports = load()

/** @returns {import('./wall').Wall} */
function load() {
  try {
    const binding = /** @type {any} */ (require('../native.js'))
    const { Store, Listener, defaultStore, commandTable, wordsOfLine } = binding
    // a wall of our own: this file may be loaded many times, the binding is loaded once
    return Object.assign(binding.wall({}), {
      Store,
      Listener,
      defaultStore,
      commandTable,
      wordsOfLine,
    })
  } catch (cause) {
    throw new Error(explanation(platformName()), { cause })
  }
}

function explanation(platform) {
  const name = `${napi.packageName}-${platform}`
  return (
    `latchkey has no native part for ${platform} here. It comes in a package of its own:\n` +
    `  npm install ${name}@${version}\n` +
    'npm leaves such packages out when package-lock.json was written on another system ' +
    '(https://github.com/npm/cli/issues/4828); removing package-lock.json and node_modules and ' +
    'installing again helps too. In a clone of the project, build it with `npm run build`.'
  )
}

/** As napi names platforms: linux-x64-gnu, darwin-arm64, win32-x64-msvc. */
function platformName() {
  const { platform, arch } = process
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  const report = /** @type {any} */ (process.report.getReport())
  const glibc = report.header.glibcVersionRuntime
  return `${platform}-${arch}-${glibc ? 'gnu' : 'musl'}`
}
