import { defineConfig } from '@hey-api/openapi-ts'

export default defineConfig({
  input: `${process.env.SERVICE_URL}/openapi.json`,
  output: { path: 'client', module: { extension: '.js' } },
})
