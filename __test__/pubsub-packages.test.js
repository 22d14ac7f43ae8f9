'use strict'

// Packages that pass messages on through Redis, as published: graphql-redis-subscriptions and
// @hocuspocus/extension-redis.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { GraphQLObjectType, GraphQLSchema, GraphQLString, parse, subscribe } = require('graphql')
const { RedisPubSub } = require('graphql-redis-subscriptions')
const { Redis: RedisExtension } = require('@hocuspocus/extension-redis')
const { Hocuspocus } = require('@hocuspocus/server')
const { afterwards } = require('./lib/watch')
const { newRedis } = require('./lib/twin')

function newPubSub(options) {
  const pubsub = new RedisPubSub({ publisher: newRedis(), subscriber: newRedis(), ...options })
  afterwards(() => pubsub.close())
  return pubsub
}

/** A schema whose one subscription is fed by `iterator()`. */
function schemaOf(iterator) {
  const text = { type: GraphQLString }
  return new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { nothing: text } }),
    subscription: new GraphQLObjectType({
      name: 'Subscription',
      fields: { somethingChanged: { ...text, subscribe: iterator, resolve: ({ id }) => id } },
    }),
  })
}

/** Resolves when `pubsub` listens to the channel, and knows it: what comes before that it forgets. */
async function listening(pubsub, channel) {
  for (;;) {
    const [, count] = await pubsub.getPublisher().pubsub('NUMSUB', channel)
    if (count > 0) break
    await new Promise(setImmediate)
  }
  // answered behind the subscription
  await pubsub.getSubscriber().ping()
}

test('a GraphQL subscription gets what another PubSub publishes', async () => {
  const pubsub = newPubSub()
  const elsewhere = newPubSub()
  const schema = schemaOf(() => pubsub.asyncIterator('SOMETHING_CHANGED'))
  const document = parse('subscription { somethingChanged }')
  const events = await subscribe({ schema, document })
  const first = events.next()
  await listening(pubsub, 'SOMETHING_CHANGED')
  await elsewhere.publish('SOMETHING_CHANGED', { id: '123' })
  assert.equal((await first).value.data.somethingChanged, '123')
  const second = events.next()
  await pubsub.publish('SOMETHING_CHANGED', { id: '124' })
  assert.equal((await second).value.data.somethingChanged, '124')
  await events.return()
  assert.deepEqual(await elsewhere.getPublisher().pubsub('CHANNELS'), [])
})

test('a GraphQL PubSub subscribes by pattern', async () => {
  const pubsub = newPubSub()
  const heard = []
  const id = await pubsub.subscribe('comments.*', (comment) => heard.push(comment), {
    pattern: true,
  })
  const message = once(pubsub.getSubscriber(), 'pmessage')
  await pubsub.publish('comments.added', { text: 'hello' })
  await message
  assert.deepEqual(heard, [{ text: 'hello' }])
  pubsub.unsubscribe(id)
})

test('a GraphQL PubSub passes bytes on as they are', async () => {
  const pubsub = newPubSub({
    messageEventName: 'messageBuffer',
    pmessageEventName: 'pmessageBuffer',
  })
  const bytes = Buffer.from([0, 255, 128, 10])
  const heard = new Promise((resolve) => pubsub.subscribe('bytes', resolve))
  await listening(pubsub, 'bytes')
  await pubsub.publish('bytes', bytes)
  assert.deepEqual(await heard, bytes)
})

// ---- hocuspocus

/** A server of documents, and what it stores. */
function newServer(options) {
  const stored = []
  const extension = new RedisExtension({ redis: newRedis(), disconnectDelay: 10 })
  const server = new Hocuspocus({
    extensions: [extension],
    debounce: 60_000,
    quiet: true,
    onStoreDocument: async ({ document }) => {
      stored.push(document.getText('body').toString())
    },
    ...options,
  })
  afterwards(() => extension.onDestroy())
  return { server, extension, stored }
}

/** Opens a document as code on the server does; closed after the test. */
async function open({ server }, name) {
  const connection = await server.openDirectConnection(name)
  afterwards(() => connection.disconnect())
  return { connection, text: connection.document.getText('body') }
}

async function becomes(text, wanted) {
  while (text.toString() !== wanted) await new Promise((resolve) => text.observe(resolve))
}

test('Hocuspocus servers keep a document in step', async () => {
  const [one, two] = [newServer(), newServer()]
  const here = await open(one, 'novel')
  await here.connection.transact((document) => document.getText('body').insert(0, 'Call me '))
  // what is there already comes with the opening
  const there = await open(two, 'novel')
  assert.equal(there.text.toString(), 'Call me ')
  await there.connection.transact((document) => document.getText('body').insert(8, 'Ishmael.'))
  await becomes(here.text, 'Call me Ishmael.')
  await here.connection.transact((document) => document.getText('body').delete(0, 8))
  await becomes(there.text, 'Ishmael.')
})

test('a Hocuspocus server leaves alone what another one is storing', async () => {
  const [one, two] = [newServer(), newServer()]
  const redis = newRedis()
  const payload = { documentName: 'novel' }
  await one.extension.onStoreDocument(payload)
  assert.equal(await redis.exists('hocuspocus:novel:lock'), 1)
  await assert.rejects(two.extension.onStoreDocument(payload), /already storing/)
  await one.extension.afterStoreDocument(payload)
  assert.equal(await redis.exists('hocuspocus:novel:lock'), 0)
  await two.extension.onStoreDocument(payload)
  await two.extension.afterStoreDocument(payload)
})

test('Hocuspocus stores a document that has changed', async () => {
  const one = newServer({ debounce: 20 })
  const { connection } = await open(one, 'novel')
  await connection.transact((document) => document.getText('body').insert(0, 'The End'))
  while (one.stored.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(one.stored, ['The End'])
})
