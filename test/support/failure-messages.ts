/** Failures show what was found at length, so that the message alone, at the end of CI's log, tells what is wrong. */
export const wholeValues = { truncateThreshold: 2000 }
