use std::error::Error;
use std::io;

use http::{HeaderMap, HeaderName};
use serde_json::Value;
use standardwebhooks::Webhook;

fn main() -> Result<(), Box<dyn Error>> {
    let received: Value = serde_json::from_reader(io::stdin())?;
    let text = |name: &str| received[name].as_str().ok_or("no text");
    let (secret, body) = (text("secret")?, text("body")?);
    let mut headers = HeaderMap::new();
    for (name, value) in received["headers"].as_object().ok_or("no headers")? {
        headers.insert(name.parse::<HeaderName>()?, value.as_str().ok_or("no text")?.parse()?);
    }
    let webhook = Webhook::new(secret)?;

    webhook.verify(body.as_bytes(), &headers)?;
    let delivered: Value = serde_json::from_str(body)?;
    println!("{}", delivered["type"].as_str().ok_or("no type")?);
    if webhook.verify(format!("{body} ").as_bytes(), &headers).is_err() {
        println!("refused");
    }
    Ok(())
}
