/** The table of `npm run tail`, as a terminal of 80 columns shows it. */
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import type { DeliveryFieldsFragment, DeliveryStatus } from '../../src/client/index.js'
import { drawTable } from '../../src/tail/draw-table.js'
import { followEndpoints } from '../../src/tail/endpoint-activity.js'
import { labelEndpoints } from '../../src/tail/endpoint-labels.js'

const COLUMNS = 80
const ROWS = 20

function following() {
  let nowMs = 0
  let deliveries = 0
  const activity = followEndpoints(() => nowMs)
  return {
    activity,
    pass(ms: number) {
      nowMs += ms
    },
    change(endpointUrl: string, status: DeliveryStatus, id = `delivery ${deliveries++}`) {
      activity.add({
        ...{ id, status, updatedAt: '2026-01-31T18:20:43.400Z' },
        lastError: status === 'SENT' ? null : 'answered 503',
        subscription: { endpointUrl },
      } as DeliveryFieldsFragment)
    },
    /** The cells of each row; none of these has a blank. */
    rows: (columns = COLUMNS, rows = ROWS) =>
      drawTable(activity.endpoints(), columns, rows)
        .slice(1)
        .map((line) => line.split(/\s+/)),
  }
}

describe('the labels of endpoints', () => {
  it('have no https, and say http', () => {
    const labels = labelEndpoints(['https://example.com/a', 'http://example.com/a'], 30)
    expect([...labels.values()]).toEqual(['example.com/a', 'http://example.com/a'])
  })

  it('are cut in the middle', () =>
    expect(
      labelEndpoints(['https://hooks.example.com/v2/tenants/acme/orders'], 20).values().next().value,
    ).toBe('hooks.exam…me/orders'))

  it.each([
    [
      'the middle',
      ['https://api.example.com/tenants/acme/orders', 'https://api.example.com/tenants/bcme/orders'],
    ],
    ['the end', [1, 2, 3].map((n) => `https://api.example.com/tenants/orders/${'x'.repeat(50)}${n}`)],
    ['long pieces', ['a', 'b'].map((part) => `https://e.com/${'x'.repeat(80)}${part}${'y'.repeat(80)}`)],
    [
      'the query',
      ['https://e.com/hook?tenant=1&key=aaaaaaaaaaaaaaa', 'https://e.com/hook?tenant=2&key=aaaaaaaaaaaaaaa'],
    ],
    [
      'wide characters',
      ['https://例え.テスト/ウェブフック/あ/受け取り', 'https://例え.テスト/ウェブフック/い/受け取り'],
    ],
  ])('differ where the URLs differ in %s', (_where, urls) => {
    for (const width of [12, 20, 27]) {
      const labels = [...labelEndpoints(urls, width).values()]
      expect(new Set(labels).size).toBe(urls.length)
      for (const label of labels) expect(stringWidth(label)).toBeLessThanOrEqual(width)
    }
  })
})

describe('the table', () => {
  it.each([80, 100, 120, 200])('fits %i columns, whatever the endpoints are called', (columns) => {
    const { change, activity } = following()
    for (const name of ['a', '例え.テスト'.repeat(9), 'x'.repeat(300), '😀'.repeat(40)])
      change(`https://${name}/hook`, 'FAILED')
    for (const line of drawTable(activity.endpoints(), columns, ROWS))
      expect(stringWidth(line)).toBeLessThanOrEqual(columns)
  })

  it('keeps each endpoint in its row', () => {
    const { change, rows } = following()
    for (const host of ['b.com', 'a.com', 'c.com']) change(`https://${host}/`, 'SENT')
    const order = () => rows().map(([label]) => label)
    expect(order()).toEqual(['b.com/', 'a.com/', 'c.com/'])
    change('https://c.com/', 'FAILED')
    expect(order()).toEqual(['b.com/', 'a.com/', 'c.com/'])
  })

  it('counts a delivery once, by the status that it has now', () => {
    const { change, rows } = following()
    for (const status of ['PENDING', 'FAILED', 'SENT'] as const) change('https://a.com/', status, 'one')
    change('https://a.com/', 'PENDING', 'another')
    expect(rows()[0]?.slice(1, 5)).toEqual(['1', '1', '0', '0'])
  })

  it('shows the attempts a second, and none once nothing has happened for a while', () => {
    const { change, pass, rows } = following()
    for (let count = 0; count < 40; count++) {
      change('https://a.com/', 'SENT')
      pass(250)
    }
    expect(rows()[0]?.[5]).toMatch(/^(3\.\d|4\.0|4)\/s$/)
    pass(20_000)
    expect(rows()[0]?.[5]).toBe('0/s')
  })

  it('shows the share of failures as a bar', () => {
    const { change, rows } = following()
    for (let count = 0; count < 100; count++) {
      change('https://good.com/', 'SENT')
      change('https://half.com/', count % 2 === 0 ? 'SENT' : 'FAILED')
      change('https://bad.com/', 'DEAD')
    }
    const bars = rows().map((cells) => cells[6] ?? '')
    expect(bars[0]).toBe('18:20:43Z')
    expect(bars[1]).toMatch(/^█{2,3}.?$/)
    expect(bars[2]).toBe('█'.repeat(6))
  })

  it('says the zone of its times, and the last error where there is room', () => {
    const { change, activity } = following()
    change('https://a.com/', 'FAILED')
    expect(drawTable(activity.endpoints(), 80, ROWS).join('\n')).toContain('18:20:43Z')
    expect(drawTable(activity.endpoints(), 80, ROWS).join('\n')).not.toContain('answered 503')
    expect(drawTable(activity.endpoints(), 140, ROWS).join('\n')).toContain('answered 503')
  })

  it('counts the endpoints that have no row left, and those of them that fail', () => {
    const { change, activity } = following()
    for (let number = 0; number < 30; number++)
      for (let count = 0; count < 20; count++) change(`https://${number}.com/`, number > 27 ? 'DEAD' : 'SENT')
    const lines = drawTable(activity.endpoints(), COLUMNS, ROWS)
    expect(lines).toHaveLength(ROWS)
    expect(lines.at(-1)).toBe('… and 12 more, 2 of them mostly failing')
  })
})
