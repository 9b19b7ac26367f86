-- CreateEnum
CREATE TYPE "WebhookFormat" AS ENUM ('STANDARD', 'CLOUDEVENTS_STRUCTURED', 'CLOUDEVENTS_BINARY');

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "format" "WebhookFormat" NOT NULL DEFAULT 'STANDARD';
