-- AlterTable
ALTER TABLE "deliveryLogs" ADD COLUMN     "connection" TEXT,
ADD COLUMN     "headers" TEXT,
ADD COLUMN     "responseBody" BYTEA;
