'use strict'

// BullMQ as it is published, with clients of latchkey for its connections: what its guide promises of
// queues, workers, and of when a job is done. Time is the clock's, because BullMQ reads it itself;
// delays are short.

const assert = require('node:assert/strict')
const { setTimeout: delay } = require('node:timers/promises')
const {
  countsOf,
  deferred,
  describeBoth,
  forbidNetworkAndWarnings,
  it,
  next,
  openHouse,
} = require('./lib/bullmq.js')

forbidNetworkAndWarnings()

describeBoth('queues and workers', (bullmq) => {
  it('a job goes through a worker, and its result is kept with it', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async (job) => ({ sum: job.data.a + job.data.b }))
    const completed = next(worker, 'completed')
    const added = await queue.add('add', { a: 1, b: 2 })
    assert.equal(added.id, '1')
    const [[job, result]] = await completed
    assert.deepEqual([job.id, job.name, result], ['1', 'add', { sum: 3 }])

    const kept = await queue.getJob('1')
    assert.deepEqual(kept.returnvalue, { sum: 3 })
    assert.deepEqual(kept.data, { a: 1, b: 2 })
    assert.equal(await kept.getState(), 'completed')
    assert.equal(kept.attemptsMade, 1)
    assert.ok(kept.timestamp <= kept.processedOn && kept.processedOn <= kept.finishedOn)
  })

  it('jobs that wait are done when a worker comes, in the order they were added', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const jobs = await queue.addBulk(
      ['one', 'two', 'three'].map((word) => ({ name: word, data: { word } })),
    )
    assert.deepEqual(
      jobs.map(({ id }) => id),
      ['1', '2', '3'],
    )
    assert.equal(await queue.getWaitingCount(), 3)
    const seen = []
    const worker = house.worker(async (job) => seen.push(job.data.word))
    await next(worker, 'drained')
    assert.deepEqual(seen, ['one', 'two', 'three'])
    assert.equal(await queue.getCompletedCount(), 3)
  })

  it('a job of any size and script comes back as it was', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const data = {
      text: 'ünï©ode 🗝️ \u0000 "quoted" \\ \n',
      numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER],
      deep: { a: [{ b: [null, true, false, {}] }] },
      long: 'x'.repeat(200_000),
    }
    const worker = house.worker(async (job) => job.data)
    const completed = next(worker, 'completed')
    await queue.add('echo', data)
    const [[job]] = await completed
    assert.deepEqual((await queue.getJob(job.id)).returnvalue, data)
  })

  it('a worker does as many jobs at a time as its concurrency says', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const gate = deferred()
    let now = 0
    let most = 0
    const worker = house.worker(
      async () => {
        now += 1
        most = Math.max(most, now)
        await gate.promise
        now -= 1
      },
      { concurrency: 3 },
    )
    const active = next(worker, 'active', 3)
    const completed = next(worker, 'completed', 10)
    await queue.addBulk(Array.from({ length: 10 }, () => ({ name: 'wait', data: {} })))
    await active
    assert.equal(await queue.getActiveCount(), 3)
    assert.equal(await queue.getWaitingCount(), 7)
    gate.resolve()
    await completed
    assert.equal(most, 3)
  })

  it('no two workers get the same job', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const events = house.events()
    const done = []
    const all = next(events, 'completed', 100)
    for (let i = 0; i < 3; i += 1) {
      house.worker(async (job) => done.push(job.data), { concurrency: 5 })
    }
    await queue.addBulk(Array.from({ length: 100 }, (_, data) => ({ name: 'n', data })))
    await all
    assert.deepEqual(
      done.sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i),
    )
  })

  it('the global concurrency holds across workers', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.setGlobalConcurrency(1)
    assert.equal(await queue.getGlobalConcurrency(), 1)
    const events = house.events()
    let now = 0
    let most = 0
    const processor = async () => {
      now += 1
      most = Math.max(most, now)
      await delay(2)
      now -= 1
    }
    const all = next(events, 'completed', 6)
    house.worker(processor, { concurrency: 2 })
    house.worker(processor, { concurrency: 2 })
    await queue.addBulk(Array.from({ length: 6 }, () => ({ name: 'n', data: {} })))
    await all
    assert.equal(most, 1)
  })

  it('a job with an id that is there is not added again', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.add('a', { first: true }, { jobId: 'mine' })
    await queue.add('b', { first: false }, { jobId: 'mine' })
    assert.equal(await queue.count(), 1)
    assert.deepEqual((await queue.getJob('mine')).data, { first: true })
  })

  it('jobs of one deduplication id are one job while it lasts', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const options = { deduplication: { id: 'only' } }
    const first = await queue.add('a', 1, options)
    const second = await queue.add('a', 2, options)
    assert.equal(second.id, first.id)
    assert.equal(await queue.getDeduplicationJobId('only'), first.id)
    await queue.removeDeduplicationKey('only')
    const third = await queue.add('a', 3, options)
    assert.notEqual(third.id, first.id)
    assert.equal(await queue.count(), 2)
  })

  it('last in, first out for jobs that ask for it', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.add('first', {})
    await queue.add('second', {})
    await queue.add('pushed in', {}, { lifo: true })
    const seen = []
    const worker = house.worker(async (job) => seen.push(job.name))
    await next(worker, 'drained')
    assert.deepEqual(seen, ['pushed in', 'first', 'second'])
  })

  it('a job can be done by hand: fetched, its lock extended, completed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(null, { autorun: false })
    await queue.add('a', {})
    await queue.add('b', {})
    const job = await worker.getNextJob('token')
    assert.equal(job.name, 'a')
    assert.equal(await job.extendLock('token', 5000), 1)
    const [fetched, id] = await job.moveToCompleted('by hand', 'token', true)
    assert.ok(fetched)
    assert.equal(id, '2')
    assert.equal((await queue.getJob('1')).returnvalue, 'by hand')
    await assert.rejects(job.moveToCompleted('again', 'token', false), /lock|state|not active/i)
  })

  it('a worker that has nothing to do notices a job at once', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => 'done')
    await worker.waitUntilReady()
    for (let i = 0; i < 3; i += 1) {
      const drained = next(worker, 'drained')
      const completed = next(worker, 'completed')
      await queue.add('a', {})
      await completed
      await drained
    }
  })

  it('a running job can be cancelled', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const begun = deferred()
    const worker = house.worker(async (job, _token, signal) => {
      begun.resolve(job.id)
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error(`stopped: ${signal.reason}`)))
      })
    })
    const failed = next(worker, 'failed')
    await queue.add('endless', {})
    const id = await begun.promise
    assert.ok(worker.cancelJob(id, 'enough'))
    const [[job, error]] = await failed
    assert.equal(job.id, id)
    assert.match(error.message, /stopped: enough/)
  })
})

describeBoth('delayed jobs', (bullmq) => {
  it('a delayed job is done when its time has come, and not before', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => Date.now())
    await worker.waitUntilReady()
    const completed = next(worker, 'completed')
    const hour = await queue.add('in an hour', {}, { delay: 3_600_000 })
    const soon = await queue.add('soon', {}, { delay: 60 })
    const [[first, at]] = await completed
    assert.equal(first.name, 'soon')
    assert.ok(at >= soon.timestamp + 60, `${at - soon.timestamp} ms`)
    assert.equal(await hour.getState(), 'delayed')
    assert.equal(await queue.getDelayedCount(), 1)
  })

  it('delayed jobs come in the order of their times', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {})
    const completed = next(worker, 'completed', 4)
    await queue.addBulk(
      [40, 10, 30, 20].map((ms) => ({ name: `${ms}`, data: {}, opts: { delay: ms } })),
    )
    assert.deepEqual(
      (await completed).map(([job]) => job.name),
      ['10', '20', '30', '40'],
    )
  })

  it('a delayed job can be promoted, and its delay changed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const hour = 3_600_000
    const worker = house.worker(async () => {})
    const completed = next(worker, 'completed', 2)
    const promoted = await queue.add('promoted', {}, { delay: hour })
    const hastened = await queue.add('hastened', {}, { delay: hour })
    await promoted.promote()
    await hastened.changeDelay(10)
    const names = (await completed).map(([job]) => job.name)
    assert.deepEqual(names, ['promoted', 'hastened'])
  })

  it('a processor can put its job off', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async (job, token) => {
      if (job.data.step === 2) return 'second time'
      await job.updateData({ step: 2 })
      await job.moveToDelayed(Date.now() + 10, token)
      throw new bullmq.DelayedError()
    })
    const completed = next(worker, 'completed')
    await queue.add('steps', { step: 1 })
    const [[, result]] = await completed
    assert.equal(result, 'second time')
  })
})

describeBoth('repeated and scheduled jobs', (bullmq) => {
  it('a scheduler makes a job every so often, as many as its limit allows', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async (job) => job.data)
    const completed = next(worker, 'completed', 3)
    await queue.upsertJobScheduler(
      'tick',
      { every: 20, limit: 3 },
      { name: 'ticked', data: { by: 'scheduler' } },
    )
    const jobs = (await completed).map(([job]) => job)
    assert.deepEqual(
      jobs.map(({ name }) => name),
      ['ticked', 'ticked', 'ticked'],
    )
    assert.deepEqual(jobs[0].data, { by: 'scheduler' })
    assert.ok(jobs.every(({ repeatJobKey }) => repeatJobKey === 'tick'))
    const times = jobs.map(({ id }) => Number(id.split(':').pop()))
    for (const [i, at] of times.slice(1).entries()) {
      assert.ok(at > times[i] && (at - times[i]) % 20 === 0, `${times}`)
    }
  })

  it('a scheduler reads cron patterns, with a time zone', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const pattern = '0 30 9 * * *'
    await queue.upsertJobScheduler('morning', { pattern, tz: 'Asia/Tokyo' }, { name: 'wake' })
    const scheduler = await queue.getJobScheduler('morning')
    assert.equal(scheduler.pattern, pattern)
    assert.equal(scheduler.tz, 'Asia/Tokyo')
    const at = new Date(scheduler.next)
    assert.deepEqual([at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()], [0, 30, 0])
    const [job] = await queue.getDelayed()
    assert.equal(job.name, 'wake')
  })

  it('schedulers are listed, changed and removed, with the jobs they made', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const [yearly, monthly, weekly] = ['0 0 1 1 *', '0 0 1 * *', '0 0 * * 1']
    await queue.upsertJobScheduler('a', { pattern: yearly }, { name: 'x', data: 1 })
    await queue.upsertJobScheduler('b', { pattern: monthly })
    await queue.upsertJobScheduler('a', { pattern: weekly }, { name: 'y', data: 2 })
    assert.equal(await queue.getJobSchedulersCount(), 2)
    const schedulers = await queue.getJobSchedulers()
    const patterns = Object.fromEntries(schedulers.map(({ key, pattern }) => [key, pattern]))
    assert.deepEqual(patterns, { a: weekly, b: monthly })
    const delayed = await queue.getDelayed()
    assert.deepEqual(delayed.map((job) => job.name).sort(), ['b', 'y'])
    assert.ok(await queue.removeJobScheduler('a'))
    assert.ok(await queue.removeJobScheduler('b'))
    assert.equal(await queue.removeJobScheduler('b'), false)
    assert.deepEqual(await queue.getJobSchedulers(), [])
    assert.equal(await queue.count(), 0)
  })

  if (!bullmq.Repeat) return // it is gone from version 6

  it('jobs added with `repeat` repeat', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async (job) => job.data)
    const completed = next(worker, 'completed', 2)
    await queue.add('again', { n: 1 }, { repeat: { every: 20, limit: 2 } })
    const results = (await completed).map(([, result]) => result)
    assert.deepEqual(results, [{ n: 1 }, { n: 1 }])

    await queue.add('daily', {}, { repeat: { pattern: '0 0 * * *' } })
    const daily = async () => {
      const jobs = await queue.getRepeatableJobs()
      return jobs.filter((job) => job.name === 'daily')
    }
    const [{ key, pattern }] = await daily()
    assert.equal(pattern, '0 0 * * *')
    assert.ok(await queue.removeRepeatableByKey(key))
    assert.deepEqual(await daily(), [])
  })
})

describeBoth('priorities', (bullmq) => {
  it('the job with the smallest number goes first, and any before those with one', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    for (const priority of [3, 1, 2, undefined, 1]) {
      await queue.add(`${priority}`, {}, { priority })
    }
    assert.equal(await queue.getPrioritizedCount(), 4)
    assert.deepEqual(await queue.getCountsPerPriority([0, 1, 2, 3]), { 0: 1, 1: 2, 2: 1, 3: 1 })
    const seen = []
    const worker = house.worker(async (job) => seen.push(`${job.name}/${job.id}`))
    await next(worker, 'completed', 5)
    assert.deepEqual(seen, ['undefined/4', '1/2', '1/5', '2/3', '3/1'])
  })

  it('a priority can be changed while the job waits', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.add('a', {}, { priority: 5 })
    const late = await queue.add('b', {}, { priority: 9 })
    await late.changePriority({ priority: 1 })
    const worker = house.worker(async () => {})
    const jobs = await next(worker, 'completed', 2)
    assert.deepEqual(
      jobs.map(([job]) => job.name),
      ['b', 'a'],
    )
  })
})

describeBoth('retries', (bullmq) => {
  it('a job that fails is tried again, with exponential backoff', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const at = []
    const worker = house.worker(async (job) => {
      at.push(Date.now())
      if (job.attemptsMade < 2) throw new Error(`failure ${job.attemptsMade + 1}`)
      return 'at last'
    })
    const failures = next(worker, 'failed', 2)
    const completed = next(worker, 'completed')
    await queue.add('shaky', {}, { attempts: 4, backoff: { type: 'exponential', delay: 20 } })
    const messages = (await failures).map(([, error]) => error.message)
    assert.deepEqual(messages, ['failure 1', 'failure 2'])
    const [[job, result]] = await completed
    assert.equal(result, 'at last')
    assert.equal(job.attemptsMade, 3)
    assert.ok(at[1] - at[0] >= 20 && at[2] - at[1] >= 40, `${at[1] - at[0]}, ${at[2] - at[1]}`)
  })

  it('a job is failed for good when its attempts are spent, and says why', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {
      throw new Error('always')
    })
    const failed = next(worker, 'failed', 3)
    await queue.add('hopeless', {}, { attempts: 3, backoff: 5 })
    await failed
    const [job] = await queue.getFailed()
    assert.equal(job.failedReason, 'always')
    assert.equal(job.attemptsMade, 3)
    assert.equal(job.stacktrace.length, 3)
    assert.equal(await job.getState(), 'failed')
  })

  it("a backoff of one's own decides how long to wait", async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const asked = []
    const backoffStrategy = (attempts, type, error) => {
      asked.push([attempts, type, error.message])
      return attempts < 2 ? 5 : -1
    }
    const worker = house.worker(
      async (job) => {
        throw new Error(`no ${job.attemptsMade + 1}`)
      },
      { settings: { backoffStrategy } },
    )
    const failed = next(worker, 'failed', 2)
    await queue.add('x', {}, { attempts: 9, backoff: { type: 'mine' } })
    await failed
    assert.deepEqual(asked, [
      [1, 'mine', 'no 1'],
      [2, 'mine', 'no 2'],
    ])
    assert.equal(await queue.getFailedCount(), 1)
  })

  it('an unrecoverable error ends the attempts', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {
      throw new bullmq.UnrecoverableError('never')
    })
    const failed = next(worker, 'failed')
    await queue.add('x', {}, { attempts: 9, backoff: 5 })
    const [[job]] = await failed
    assert.equal(job.attemptsMade, 1)
    assert.equal(await job.isFailed(), true)
  })

  it('failed jobs can be retried by hand, one or all', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    let broken = true
    const worker = house.worker(async () => {
      if (broken) throw new Error('broken')
    })
    const failed = next(worker, 'failed', 4)
    await queue.addBulk(Array.from({ length: 4 }, () => ({ name: 'x', data: {} })))
    await failed
    broken = false
    const one = next(worker, 'completed')
    const [job] = await queue.getFailed()
    await job.retry()
    await one
    const rest = next(worker, 'completed', 3)
    await queue.retryJobs({ count: 10 })
    await rest
    assert.deepEqual(await countsOf(queue, 'failed', 'completed'), {
      failed: 0,
      completed: 4,
    })
  })
})

/** When jobs of `completed` were asked for, which is a little before they are given: not exact. */
function fetched(events) {
  return events.map(([job]) => job.processedOn).sort((a, b) => a - b)
}

describeBoth('rate limits', (bullmq) => {
  it('a worker takes no more jobs in a stretch of time than its limiter allows', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    const worker = house.worker(async () => {}, { limiter: { max: 2, duration: 150 } })
    const completed = next(worker, 'completed', 4)
    await queue.addBulk(Array.from({ length: 4 }, () => ({ name: 'x', data: {} })))
    const at = fetched(await completed)
    assert.ok(at[2] - at[0] >= 100, `${at}`)
  })

  it('a processor can say that it is limited, and the job waits', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    let limitedAt
    const worker = house.worker(
      async () => {
        if (limitedAt) return Date.now() - limitedAt
        limitedAt = Date.now()
        await worker.rateLimit(40)
        throw bullmq.Worker.RateLimitError()
      },
      { limiter: { max: 10, duration: 1000 } },
    )
    const completed = next(worker, 'completed')
    await queue.add('x', {})
    const [[job, waitedMs]] = await completed
    assert.ok(waitedMs >= 39, `${waitedMs} ms`)
    assert.equal(job.attemptsMade, 1)
  })

  it('a limit of the queue holds for all its workers', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.setGlobalRateLimit(1, 150)
    const one = house.worker(async () => {})
    const two = house.worker(async () => {})
    const jobs = []
    const completed = new Promise((resolve) => {
      const count = (job) => jobs.push([job]) === 2 && resolve(undefined)
      one.on('completed', count)
      two.on('completed', count)
    })
    await queue.addBulk(Array.from({ length: 2 }, () => ({ name: 'x', data: {} })))
    await completed
    const at = fetched(jobs)
    assert.ok(at[1] - at[0] >= 100, `${at}`)
    await queue.removeGlobalRateLimit()
  })

  it('a limited queue tells how long it is limited, and can be freed', async (t) => {
    const house = openHouse(t, bullmq)
    const queue = house.queue()
    await queue.rateLimit(60_000)
    const ttl = await queue.getRateLimitTtl()
    assert.ok(ttl > 59_000 && ttl <= 60_000, `${ttl}`)
    await queue.removeRateLimitKey()
    assert.ok((await queue.getRateLimitTtl()) <= 0)
  })
})
