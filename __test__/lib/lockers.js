'use strict'

// The packages for locks, each the way its README shows it, behind one face. A locker is made of
// clients; `lock(key)` resolves to what has `release` and `extend`, and rejects while somebody else
// has the key, or waits if the locker `waits`.

const TTL_MS = 10_000

const PAUSE_MS = 2

const retries = (waits) => (waits ? 10_000 : 0)

const LOCKERS = {
  'redlock 4': (clients, { waits = false } = {}) => {
    const Redlock = require('redlock-4')
    const timing = { retryCount: retries(waits), retryDelay: PAUSE_MS, retryJitter: 1 }
    const redlock = new Redlock(clients, timing)
    return async (key) => {
      const lock = await redlock.lock(key, TTL_MS)
      return { release: () => lock.unlock(), extend: () => lock.extend(TTL_MS) }
    }
  },

  'redlock 5': (clients, { waits = false } = {}) => {
    const { default: Redlock } = require('redlock-5')
    const timing = { retryCount: retries(waits), retryDelay: PAUSE_MS, retryJitter: 1 }
    const redlock = new Redlock(clients, timing)
    return async (key) => {
      let lock = await redlock.acquire([key], TTL_MS)
      const extend = async () => {
        lock = await lock.extend(TTL_MS)
      }
      return { release: () => lock.release(), extend }
    }
  },
}

const SEMAPHORES = {
  Mutex: ({ Mutex }, [client], key, options) => new Mutex(client, key, options),
  Semaphore: ({ Semaphore }, [client], key, options) => new Semaphore(client, key, 1, options),
  MultiSemaphore: ({ MultiSemaphore }, [client], key, options) =>
    new MultiSemaphore(client, key, 3, 2, options),
  RedlockMutex: ({ RedlockMutex }, clients, key, options) =>
    new RedlockMutex(clients, key, options),
  RedlockSemaphore: ({ RedlockSemaphore }, clients, key, options) =>
    new RedlockSemaphore(clients, key, 1, options),
}

// Locks of redis-semaphore would extend themselves; here they do when they are told to.
for (const [name, make] of Object.entries(SEMAPHORES)) {
  LOCKERS[`${name} of redis-semaphore`] = (clients, { waits = false } = {}) => {
    const options = {
      lockTimeout: TTL_MS,
      refreshInterval: 0,
      onLockLost: () => {},
      acquireAttemptsLimit: retries(waits) + 1,
      retryInterval: PAUSE_MS,
    }
    return async (key) => {
      const lock = make(require('redis-semaphore'), clients, key, options)
      await lock.acquire()
      const extend = async () => {
        await lock._processRefresh()
        if (!lock.isAcquired) throw new Error('the lock was lost')
      }
      return { release: () => lock.release(), extend }
    }
  }
}

module.exports = { LOCKERS, TTL_MS }
