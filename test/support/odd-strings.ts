/** Strings that break things elsewhere. */
export const odd = {
  NUL: 'a\0b',
  'a high surrogate alone': 'a\ud83d',
  'a low surrogate alone': '\udc00a',
  'a header of its own': 'a\r\nx-injected: yes',
  'a bell': 'a\x07',
  'too much': 'a'.repeat(20_000),
  SQL: "'); drop table events; --",
  'a resource of every object': '__proto__',
  'a template': '%s%n$1{{7*7}}',
  'an emoji': '😀',
  nothing: '',
} satisfies Record<string, string>

export type Odd = keyof typeof odd
