-- CreateEnum
CREATE TYPE "EventTypeMode" AS ENUM ('OFF', 'WARN', 'ENFORCE');

-- CreateTable
CREATE TABLE "event_types" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "schema" JSON NOT NULL,
    "dataExamples" JSON NOT NULL DEFAULT '[]',
    "mode" "EventTypeMode" NOT NULL,
    "version" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "event_types_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event_type_versions" (
    "typeId" UUID NOT NULL,
    "version" INTEGER NOT NULL,
    "schema" JSON NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "event_type_versions_pkey" PRIMARY KEY ("typeId","version")
);

-- CreateTable
CREATE TABLE "schema_violations" (
    "typeId" UUID NOT NULL,
    "count" INTEGER NOT NULL,
    "lastError" TEXT NOT NULL,
    "lastAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "schema_violations_pkey" PRIMARY KEY ("typeId")
);

-- CreateIndex
CREATE UNIQUE INDEX "event_types_name_key" ON "event_types"("name");
