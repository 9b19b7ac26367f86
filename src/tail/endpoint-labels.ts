/**
 * Short names of endpoints that tell them apart: without the scheme, cut in the middle. Where two would look the same,
 * what differs is shown instead of the middle.
 */
import stringWidth from 'string-width'
import { cut } from './cut.js'

/** @param width of a label, in columns of a terminal: a wide character takes two */
export function labelEndpoints(urls: string[], width: number): Map<string, string> {
  const names = new Map(urls.map((url) => [url, withoutScheme(url)]))
  const labels = new Map([...names].map(([url, name]) => [url, cutMiddle(name, width)]))
  for (const alike of groupsOf(labels)) {
    const [first = '', ...others] = alike.map((url) => names.get(url) ?? '')
    const shared = Math.min(...others.map((other) => sharedLength(first, other)))
    for (const url of alike) labels.set(url, cutBefore(names.get(url) ?? '', shared, width))
  }
  for (const alike of groupsOf(labels)) {
    alike.forEach((url, index) => {
      const number = ` ${index + 1}`
      labels.set(url, cutMiddle(names.get(url) ?? '', width - number.length) + number)
    })
  }
  return labels
}

/** https is what people expect, so http is named. */
const withoutScheme = (url: string): string => url.replace(/^https:\/\//, '')

const cutMiddle = (text: string, width: number): string => cut(text, width, 'middle')

/** The beginning, and then the text from shortly before this place. */
function cutBefore(text: string, place: number, width: number): string {
  const shownBefore = 3
  const head = cut(text, Math.floor(width / 3))
  const rest = text.slice(Math.max(0, place - shownBefore))
  return head + cut(rest, width - stringWidth(head))
}

/** The URLs of each label that more than one has. */
function groupsOf(labels: Map<string, string>): string[][] {
  const groups = new Map<string, string[]>()
  for (const [url, label] of labels) groups.set(label, [...(groups.get(label) ?? []), url])
  return [...groups.values()].filter(({ length }) => length > 1)
}

function sharedLength(one: string, other: string): number {
  let length = 0
  while (length < one.length && one[length] === other[length]) length++
  return length
}
