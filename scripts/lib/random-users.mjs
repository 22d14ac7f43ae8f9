// Random users, and what they may do: rules that contradict each other, and commands asked about
// with ACL DRYRUN, which needs no state but the rules.

const USERS = ['bob', 'eve', 'default']
const RULES = [
  ...['on', 'off', 'nopass', 'resetpass', 'reset', '>p', '>q', '<p', '<none', '#12', 'ON'],
  ...['allkeys', 'resetkeys', '~*', '~w*', '~t*', '%R~*', '%W~*', '%R~l*', '%W~s*', '%RW~h*'],
  ...['%r~places', '~[mn]*', '%R~t*', '%~x', '~', '%R', 'allchannels', 'resetchannels', '&*'],
  ...['&a', '&b*', 'allcommands', 'nocommands', '+@all', '-@all', '+@ALL', '+get', '-get', '+set'],
  ...['+@read', '-@read', '+@write', '-@write', '+@fast', '-@slow', '+@string', '-@hash'],
  ...['+@sortedset', '-@dangerous', '+@pubsub', '+@foo', '+config', '-config', '+config|get'],
  ...['-config|set', '+config|foo', '+config|get|x', '+select|1', '+object', '+object|freq'],
  ...['+GET', '-Mget', '+del', '+exists', '-type', '+foo', '-foo', 'foo', '""', '+memory|usage'],
  ...['clearselectors', '()', '(+get ~t*)', '(+@all)', '(~* +@read -mget)', '(%W~* +@write &a)'],
  ...['sanitize-payload', 'skip-sanitize-payload', '(+@string %R~t* ~n*)', '(on)', '(+foo)'],
]
const OTHERS = ['PUBLISH a m', 'SUBSCRIBE a b', 'PSUBSCRIBE b*', 'SPUBLISH b1 m', 'CONFIG GET x']

/** A word as it stands between quotes. */
const quoted = (word) => (/[ ()]/.test(word) ? `"${word}"` : word)

/**
 * Lines about a user.
 *
 * @param {{ below(limit: number): number, chance(percent: number): boolean,
 *   pick(list: string[]): string }} dice
 * @param {() => string[]} draft makes up the words of a command
 * @returns {string[]}
 */
export function aboutUsers(dice, draft) {
  const user = dice.pick(USERS)
  const lines = []
  if (user !== 'default' && dice.chance(60)) {
    const rules = Array.from({ length: 1 + dice.below(5) }, () => quoted(dice.pick(RULES)))
    lines.push(`> ACL SETUSER ${user} ${rules.join(' ')}`, '> ACL LIST')
  }
  if (dice.chance(20)) lines.push(`> ACL GETUSER ${user}`)
  for (let i = 0; i < 4; i++) {
    const words = dice.chance(80) ? draft() : [dice.pick(OTHERS)]
    lines.push(`> ACL DRYRUN ${user} ${words.join(' ')}`)
  }
  if (dice.chance(5)) lines.push('> ACL DELUSER bob')
  return lines
}
