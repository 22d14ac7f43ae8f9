'use strict'

/**
 * Packages that the application brings.
 *
 * They are looked for beside this package first and then from the application's directory, because
 * a linked package does not see what the application installed.
 */

/** @returns the package, or undefined if it is not installed */
function requirePeer(name) {
  let path
  try {
    path = require.resolve(name, { paths: [__dirname, process.cwd()] })
  } catch {
    return undefined
  }
  return require(path)
}

module.exports = { requirePeer }
