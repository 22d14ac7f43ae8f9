/**
 * Stands before `npm publish`: every platform package must hold its binary.
 *
 * napi's own tools only warn about a missing one, and the release would fail on that platform at
 * the users'. It also refuses `npm publish --dry-run`, under which `napi prepublish` would publish
 * the platform packages for real; `npm pack --dry-run --ignore-scripts` shows what would be sent.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { root, runScript, SetupError } from './setup.mjs'

await runScript(() => {
  const faults = [...publishFaults(path.join(root, 'npm'))]
  if (process.env.npm_config_dry_run === 'true') faults.push('a dry run would really publish')
  if (faults.length > 0) throw new SetupError(`Not ready to publish:\n- ${faults.join('\n- ')}`)
})

function* publishFaults(folder) {
  const { version, napi } = readManifest(root)
  const platforms = readdirSync(folder)
  if (platforms.length !== napi.targets.length) {
    yield `npm/ has ${platforms.length} packages for ${napi.targets.length} targets`
  }
  for (const platform of platforms) {
    const manifest = readManifest(path.join(folder, platform))
    if (manifest.version !== version)
      yield `${manifest.name} is ${manifest.version}, not ${version}`
    const binary = path.join(folder, platform, manifest.main)
    if (!existsSync(binary)) yield `${manifest.name} has no ${manifest.main}`
    else if (statSync(binary).size < 100_000) yield `${manifest.main} is too small to be the addon`
  }
}

function readManifest(folder) {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'))
}
