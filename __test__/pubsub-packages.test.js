'use strict'

// Packages that pass messages on through Redis, as published: graphql-redis-subscriptions and
// @hocuspocus/extension-redis.

const { test } = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const { GraphQLObjectType, GraphQLSchema, GraphQLString, parse, subscribe } = require('graphql')
const { RedisPubSub } = require('graphql-redis-subscriptions')
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

/** Resolves when somebody listens to the channel. */
async function listening(pubsub, channel) {
  const publisher = pubsub.getPublisher()
  for (;;) {
    const [, count] = await publisher.pubsub('NUMSUB', channel)
    if (count > 0) return
    await new Promise(setImmediate)
  }
}

test('a GraphQL subscription gets what another PubSub publishes', async () => {
  const pubsub = newPubSub()
  const elsewhere = newPubSub()
  const schema = schemaOf(() => pubsub.asyncIterator('SOMETHING_CHANGED'))
  const document = parse('subscription { somethingChanged }')
  const events = await subscribe({ schema, document })
  const first = events.next()
  await listening(elsewhere, 'SOMETHING_CHANGED')
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
