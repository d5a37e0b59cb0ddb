//! The way in and out.

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::frame::Frame;
use super::page::{go_to, page_with};
use super::refused::Refused;
use super::session::{self, SignInError};
use super::site::Console;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    institution: String,
    fault: Option<&'static str>,
}

pub(super) async fn form(State(console): State<Console>, headers: HeaderMap) -> Response {
    let page = SignIn {
        frame: Frame::new(&console, &headers),
        institution: String::new(),
        fault: None,
    };
    page_with(StatusCode::OK, &page)
}

pub(super) async fn sign_in(
    State(console): State<Console>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let frame = Frame::new(&console, &headers);
    let (mut token, mut institution) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "token" => token = value.into_owned(),
            "institution" => institution = value.into_owned(),
            _ => {}
        }
    }
    let texts = frame.texts;
    let (status, fault) = match session::begin(&console, &token, &institution).await {
        Ok(session) => {
            let mut response = go_to(frame.home());
            let headers = response.headers_mut();
            headers.insert(header::SET_COOKIE, session.cookie);
            return response;
        }
        Err(SignInError::Store(error)) => return Refused::store(&frame, &error).into_response(),
        Err(SignInError::Chance(error)) => {
            tracing::error!(%error, "no session could be made");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Refused::new(&frame, status, texts.broken).into_response();
        }
        Err(SignInError::NoInstitution) => (StatusCode::FORBIDDEN, texts.bad_institution),
        Err(SignInError::OtherInstitution) => (StatusCode::FORBIDDEN, texts.other_institution),
        Err(SignInError::Token) if console.attempts.is_one_too_many() => {
            (StatusCode::TOO_MANY_REQUESTS, texts.too_many_attempts)
        }
        Err(SignInError::Token) => (StatusCode::FORBIDDEN, texts.bad_token),
    };
    let page = SignIn {
        frame,
        institution,
        fault: Some(fault),
    };
    page_with(status, &page)
}

pub(super) async fn sign_out(State(console): State<Console>, headers: HeaderMap) -> Response {
    let frame = Frame::new(&console, &headers);
    match session::end(&console, &headers).await {
        Ok(gone) => {
            let mut response = go_to(&format!("{}/sign-in", frame.base));
            response.headers_mut().insert(header::SET_COOKIE, gone);
            response
        }
        Err(error) => Refused::store(&frame, &error).into_response(),
    }
}
