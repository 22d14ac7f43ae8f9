'use strict'

/**
 * Shows the page which commands a request ran, and how long each took.
 *
 * `recorded` wraps a client in a Proxy that writes down every call while a request is being
 * answered, and the middleware adds the list to what the request answers as JSON. That covers what
 * express-session and express-rate-limit ask as well. An app of your own needs none of this.
 */

const { AsyncLocalStorage } = require('node:async_hooks')

const WORD_MAX = 18

/** The commands of the request that is being answered. */
const current = new AsyncLocalStorage()

/** Middleware: the request has a tape, and its answer shows it. */
function tape(_request, response, next) {
  const commands = []
  const json = response.json.bind(response)
  response.json = (body) => json({ ...body, commands })
  current.run(commands, next)
}

/** The client, with every promise that its methods return timed. */
function recorded(client) {
  return new Proxy(client, {
    get(target, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...words) => {
        const start = performance.now()
        const answer = member.apply(target, words)
        if (name === 'duplicate') return recorded(answer)
        const commands = current.getStore()
        if (commands === undefined) return answer
        if (name === 'multi') return chain(answer, commands)
        if (typeof answer?.then === 'function') note(answer, name, words, start, commands)
        return answer
      }
    },
  })
}

/** A transaction writes its commands down in the order in which they were queued. */
function chain(multi, commands) {
  commands.push({ text: 'MULTI' })
  const proxy = new Proxy(multi, {
    get(target, name) {
      const member = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...words) => {
        const start = performance.now()
        const answer = member.apply(target, words)
        if (name === 'exec') note(answer, name, [], start, commands)
        else commands.push({ text: spell(name, words) })
        return answer === target ? proxy : answer
      }
    },
  })
  return proxy
}

function note(answer, name, words, start, commands) {
  const command = { text: name === 'call' ? spell(...words) : spell(name, words) }
  commands.push(command)
  const stop = () => {
    command.us = Math.max(1, Math.round((performance.now() - start) * 1000))
  }
  answer.then(stop, stop)
}

/** As one would type it into redis-cli, long words shortened. */
function spell(name, ...words) {
  // BullMQ's scripts are commands of the client's, named with the version: addStandardJob:6.7.0
  if (name.includes(':')) return `EVALSHA ${name.split(':')[0]}`
  const flat = words.flat(2).flatMap((word) => (word?.constructor === Object ? pairs(word) : word))
  const text = flat.map((word) => {
    const plain = String(word)
    const short = plain.length > WORD_MAX ? `${plain.slice(0, WORD_MAX)}…` : plain
    return /[\s"]/.test(short) ? `'${short}'` : short
  })
  return [name.toUpperCase(), ...text].join(' ')
}

function pairs(object) {
  return Object.entries(object).flat()
}

module.exports = { recorded, tape }
