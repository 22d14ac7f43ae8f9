'use strict'

// SCAN, HSCAN, SSCAN and ZSCAN as a readable stream: one chunk per step of the cursor. The next step
// is made when the reader asks for more, so a slow reader slows the scan and not the store.

const { Readable } = require('node:stream')

class ScanStream extends Readable {
  /**
   * @param {{ redis: object, command: string, key?: string | Buffer, match?: string, type?: string,
   *   count?: number | string, noValues?: boolean }} opt and the options of a Readable
   */
  constructor(opt) {
    super({ objectMode: true, ...opt })
    this.opt = opt
    this._redisCursor = '0'
    this._redisDrained = false
  }

  _read() {
    if (this._redisDrained) {
      this.push(null)
      return
    }
    const { redis, command } = this.opt
    redis[command](this.#words(), (error, reply) => {
      if (error) {
        this.emit('error', error)
        return
      }
      this._redisCursor = reply[0].toString()
      if (this._redisCursor === '0') this._redisDrained = true
      this.push(reply[1])
    })
  }

  #words() {
    const { key, match, type, count, noValues } = this.opt
    const words = key ? [key, this._redisCursor] : [this._redisCursor]
    if (match) words.push('MATCH', match)
    if (type) words.push('TYPE', type)
    if (count) words.push('COUNT', String(count))
    if (noValues) words.push('NOVALUES')
    return words
  }

  /** Makes this chunk the last one. */
  close() {
    this._redisDrained = true
  }
}

module.exports = { ScanStream }
