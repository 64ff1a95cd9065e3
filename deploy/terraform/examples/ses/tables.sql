CREATE TABLE `email_event`.`send_log` (
  `event_type` string,
  `message_id` string,
  `tags` string,
  `from_address` string,
  `to_address` string,
  `timestamp` timestamp
)
LOCATION 's3://location-of-the-tables/email_event/send_log/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'gzip');

CREATE TABLE `email_event`.`open_log` (
  `event_type` string,
  `message_id` string,
  `tags` string,
  `from_address` string,
  `to_address` string,
  `ip_address` string,
  `user_agent` string,
  `timestamp` timestamp
)
LOCATION 's3://location-of-the-tables/email_event/open_log/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'gzip');

CREATE TABLE `email_event`.`click_log` (
  `event_type` string,
  `message_id` string,
  `tags` string,
  `from_address` string,
  `to_address` string,
  `ip_address` string,
  `link` string,
  `link_tags` string,
  `user_agent` string,
  `timestamp` timestamp
)
LOCATION 's3://location-of-the-tables/email_event/click_log/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'gzip');
