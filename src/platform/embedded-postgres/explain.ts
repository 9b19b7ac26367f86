/** Sentences for a full disk and other shortages of a machine, instead of the messages of PostgreSQL's programs. */
import { EmbeddedPostgresError } from './run.js'

/** A code of Node.js, or the English text of PostgreSQL's programs, which have no codes. */
const sentences: [RegExp, (home: string, complaint: string) => string][] = [
  // Before the full disk, because its text contains the same words.
  [
    /shared memory segment.*(No space left|Cannot allocate)/,
    () => `this machine has too little shared memory (/dev/shm).`,
  ],
  [
    /ENOSPC|No space left on device/,
    (home) => `the disk with ${home} is full. Make room on it, then start again.`,
  ],
  [
    /EDQUOT|Disk quota exceeded/,
    (home) => `the quota of the disk with ${home} is used up. Make room, then start again.`,
  ],
  [/EROFS|Read-only file system/, (home) => `${home} is on a disk that can't be written.`],
  [/EFBIG|File too large/, (home) => `files in ${home} may not grow as large as they must (ulimit -f).`],
  [
    /EACCES|EPERM|Permission denied/,
    (home, complaint) => `all of ${home} has to be this user's (${complaint}).`,
  ],
  [/Cannot allocate memory/, () => `this machine has too little memory that is free.`],
]

export function explain(error: unknown, home: string): unknown {
  const text = error instanceof EmbeddedPostgresError ? error.problem : describe(error)
  for (const [pattern, sentence] of sentences) {
    const complaint = text.split('\n').find((line) => pattern.test(line))
    if (complaint !== undefined) return new EmbeddedPostgresError(sentence(home, complaint.trim()), error)
  }
  return error
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return `${code} ${message}`
}
