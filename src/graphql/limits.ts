/** What a single request may ask for: every bound of GraphQL. */
export const limits = {
  depth: 12,
  breadth: 250,
  complexity: 150_000,
  tokens: 5_000,
  batchedOperations: 10,
  /** In all variables together; a JSON object that is published is one. */
  variableValues: 2_000,
  /** In a list of an argument or of a variable. */
  listItems: 200,
  /** Live subscriptions at the same time: over one WebSocket, with one API key, and in the process. */
  livePerSocket: 100,
  livePerKey: 2_500,
  liveInProcess: 10_000,
  /** Operations of one WebSocket that are not answered to their end, the live ones among them. */
  operationsPerSocket: 150,
  /** Megabytes of payloads and logs in one answer, at least: one event of the largest size always fits. */
  answerMegabytes: 10,
  /** Answers of that size that are held at the same time: with one API key, and in the process. */
  fullAnswersPerKey: 2,
  fullAnswers: 4,
  /** An answer of which a client reads nothing for so long is given up. */
  unreadSeconds: 15,
}
