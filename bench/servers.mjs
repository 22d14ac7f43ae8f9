/** Private servers for comparison: on a free port and a Unix socket of their own, saving nothing. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'

/** Starts `program`, or answers null when this machine does not have it. */
export async function startServer(program) {
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' })
  if (version.error) return null
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-bench-'))
  const socket = path.join(folder, 'socket')
  const port = await freePort()
  const options = {
    port,
    bind: '127.0.0.1',
    unixsocket: socket,
    save: '',
    appendonly: 'no',
    dir: folder,
  }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(program, args, { stdio: 'ignore' })
  const stop = () => {
    process.off('exit', stop)
    child.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', stop)
  await reachable(port)
  return {
    program,
    version: /v=([\d.]+)/.exec(version.stdout)[1],
    host: '127.0.0.1',
    port,
    socket,
    pid: child.pid,
    stop,
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const listener = net.createServer().on('error', reject)
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address()
      listener.close(() => resolve(port))
    })
  })
}

/** Waits until the server answers, for ten seconds at most. */
async function reachable(port) {
  const deadline = Date.now() + 10_000
  while (!(await connects(port))) {
    if (Date.now() > deadline) throw new Error(`no server answers on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function connects(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
