SELECT {columns}
FROM unnest((SELECT $1::text[]), $2::bigint[]) AS asked (of_stream, after)
     JOIN {es}.events ON stream = of_stream COLLATE "C" AND version > after
ORDER BY stream, version
