/** The ranking, moving for everyone who looks at it. */
import { element, on, room } from './room.js'

export function league(live) {
  const { one, say, ask } = room('league')
  let mine

  function show(rows) {
    const most = Math.max(1, ...rows.map(({ score }) => score))
    one('.ranks').replaceChildren(
      ...rows.map(({ name, score }, at) => {
        const row = element('li', '', { className: name === mine ? 'mine' : '' })
        row.style.setProperty('--share', `${(score / most) * 100}%`)
        row.append(
          element('span', at + 1, { className: 'place' }),
          element('span', name),
          element('b', score),
        )
        return row
      }),
    )
  }

  on(one('[data-wash]'), 'click', async () => {
    const answer = await ask('POST', 'league')
    if (!answer) return
    mine = answer.name
    show(answer.rows)
    say(`${answer.name} now in place ${answer.rank}.`, 'good')
  })

  live.on('league', ({ rows }) => show(rows))
  ask('GET', 'league', undefined, { quiet: true }).then((answer) => answer && show(answer.rows))
}
