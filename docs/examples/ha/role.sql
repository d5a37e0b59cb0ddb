-- Once, as the superuser, on the leader.
CREATE ROLE certlife LOGIN PASSWORD 'CERTLIFE-PASSWORD';
CREATE DATABASE certlife OWNER certlife ENCODING 'UTF8' TEMPLATE template0;
\connect certlife
CREATE SCHEMA certificates AUTHORIZATION certlife;
ALTER ROLE certlife IN DATABASE certlife SET search_path = certificates;
