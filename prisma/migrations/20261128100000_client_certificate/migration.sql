-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "clientCertificate" JSONB;
