-- CreateEnum
CREATE TYPE "SignatureVersion" AS ENUM ('V1', 'V1A');

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "keyPairs" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "signatures" "SignatureVersion"[] DEFAULT ARRAY['V1']::"SignatureVersion"[];
