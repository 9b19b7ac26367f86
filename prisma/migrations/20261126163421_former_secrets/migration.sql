-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "formerSecrets" JSONB NOT NULL DEFAULT '[]';
