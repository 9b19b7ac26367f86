-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "headers" JSONB,
ADD COLUMN     "secretHeaders" JSONB;
