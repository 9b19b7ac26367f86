-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "auth" JSONB;
