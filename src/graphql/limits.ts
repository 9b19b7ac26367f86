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
}
